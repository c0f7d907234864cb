use crate::{Action, BadRowGroup, Core, Event, Outcome};
use std::collections::BTreeMap;
use stentor_experiment::Source;

/// Maximum number of row groups that a message lists; further ones are counted.
const LISTED: usize = 20;

/// The quarantined row groups. Workers judge by the bytes alone, so all of them reach the same verdict; here it is recorded,
/// counted and bounded. It is a fact about the data: a fall-back does not undo it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Quarantine {
    bad: BTreeMap<(Source, u64), BadRowGroup>,
}

impl Quarantine {
    pub(crate) fn new(list: &[BadRowGroup]) -> Self {
        Self { bad: list.iter().map(|bad| ((bad.source, bad.place), bad.clone())).collect() }
    }

    pub(crate) fn list(&self) -> Vec<BadRowGroup> {
        self.bad.values().cloned().collect()
    }

    /// Whether a row group is quarantined.
    pub(crate) fn has(&self, bad: &BadRowGroup) -> bool {
        self.bad.contains_key(&(bad.source, bad.place))
    }

    /// Adds a row group; returns whether it is new.
    fn add(&mut self, bad: &BadRowGroup) -> bool {
        self.bad.insert((bad.source, bad.place), bad.clone()).is_none()
    }

    fn of(&self, source: Source) -> impl Iterator<Item = &BadRowGroup> {
        self.bad.values().filter(move |bad| bad.source == source)
    }
}

impl Core {
    /// Records row groups that a member could not use, and the coordinator neither, each once. The run stops if there are too many.
    pub(crate) fn set_aside(
        &mut self,
        identity: &str,
        row_groups: Vec<BadRowGroup>,
        actions: &mut Vec<Action>,
    ) {
        for bad in row_groups {
            if !self.quarantine.add(&bad) {
                continue;
            }
            let BadRowGroup { source, file, row_group, frames, reason, .. } = bad;
            let worker = identity.to_owned();
            let event = Event::Quarantined { source, file, row_group, frames, reason, worker };
            actions.push(Action::Record(event));
        }
        if let Some(reason) = Source::ALL.into_iter().find_map(|source| self.too_much(source)) {
            self.stop(Outcome::BadData { reason }, actions);
        }
    }

    /// Why the run cannot continue with a source, if it cannot.
    fn too_much(&self, source: Source) -> Option<String> {
        let allowed = self.settings.experiment.data.max_bad_fraction;
        let frames: u64 = self.quarantine.of(source).map(|bad| bad.frames).sum();
        let all = self.settings.plan.frames_of_a_pass(source).max(1);
        let share = frames as f64 / all as f64;
        if frames == 0 || share <= allowed {
            return None;
        }
        let listed = self.quarantine.of(source).take(LISTED);
        let listed: Vec<_> = listed
            .map(|bad| {
                format!("{}, row group {} ({} frames): {}", bad.file, bad.row_group, bad.frames, bad.reason)
            })
            .collect();
        let more = match self.quarantine.of(source).count().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!("\n  and {more} more; the event log names them"),
        };
        Some(format!(
            "expected at most {:.2} % of the {} frames unusable (data.max_bad_fraction), found {:.2} % so far:\n  {}{more}\n\
             restore these files, or prepare or label again; `stentor verify` looks at all of them",
            100.0 * allowed,
            source.name(),
            100.0 * share,
            listed.join("\n  ")
        ))
    }
}
