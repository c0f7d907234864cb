use std::collections::BTreeMap;
use stentor_rounds::{Core, Millis, Reason, Wait};
use stentor_runtime::metrics;

/// Reports what the run waits for, and why: in gauges once a second, in the log when a wait is long.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    next_look: Millis,
    /// Who has paused the run, as the gauge says.
    paused: Option<String>,
    told: BTreeMap<Reason, Told>,
}

#[derive(Debug)]
struct Told {
    whom: Vec<String>,
    /// The wait is logged again when it is this long.
    again: Millis,
}

const EVERY: Millis = 1_000;
/// Shorter waits are not logged.
const LONG: Millis = 5_000;

impl Watch {
    /// Examines the state machine, at most once a second.
    pub(crate) fn look(&mut self, now: Millis, core: &Core) {
        if now < self.next_look {
            return;
        }
        self.next_look = now + EVERY;
        let waits = core.waits();
        for reason in Reason::ALL {
            let wait = waits.iter().find(|wait| wait.reason == reason);
            let waited = wait.map_or(0, |wait| now.saturating_sub(wait.since));
            metrics::waiting(std::time::Duration::from_millis(waited), reason.name());
        }
        let paused = core.view(now).paused.filter(|paused| paused.held).map(|paused| paused.by);
        if paused != self.paused {
            self.paused.iter().for_each(|by| metrics::paused(0, by));
            paused.iter().for_each(|by| metrics::paused(1, by));
            self.paused = paused;
        }
        for line in self.lines(now, &waits) {
            tracing::warn!("{line}");
        }
    }

    /// The lines to log now: a wait when it becomes long, when its members change, each time it has doubled, and when it ends.
    fn lines(&mut self, now: Millis, waits: &[Wait]) -> Vec<String> {
        let mut lines = Vec::new();
        let is_over = |reason: &Reason| !waits.iter().any(|wait| wait.reason == *reason);
        let over: Vec<Reason> = self.told.keys().copied().filter(is_over).collect();
        for told in over.iter().filter_map(|reason| self.told.remove(reason)) {
            lines.push(format!("no longer waiting for {}", told.whom.join(", ")));
        }
        for wait in waits {
            let waited = now.saturating_sub(wait.since);
            let told = self.told.get(&wait.reason);
            let is_news = told.is_none_or(|told| told.whom != wait.whom || waited >= told.again);
            if waited >= LONG && is_news {
                lines.push(wait.words(now));
                self.told.insert(wait.reason, Told { whom: wait.whom.clone(), again: 2 * waited });
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(whom: &[&str]) -> Wait {
        let whom = whom.iter().map(|&name| name.to_owned()).collect();
        let what = "round 7 waits for contributions".to_owned();
        Wait { reason: Reason::Computing, whom, since: 1_000, until: Some(61_000), what }
    }

    #[test]
    fn a_long_wait_is_told_when_it_begins_when_it_doubles_when_it_is_for_others_and_when_it_is_over() {
        let mut watch = Watch::default();
        assert!(watch.lines(5_000, &[wait(&["a", "b"])]).is_empty(), "not long yet");
        let told = watch.lines(6_000, &[wait(&["a", "b"])]);
        assert_eq!(told, ["round 7 waits for contributions: a, b since 5.0 s"]);
        assert!(watch.lines(7_000, &[wait(&["a", "b"])]).is_empty(), "told already");
        assert_eq!(watch.lines(8_000, &[wait(&["b"])]), ["round 7 waits for contributions: b since 7.0 s"]);
        assert_eq!(watch.lines(15_000, &[wait(&["b"])]).len(), 1, "twice as long");
        assert_eq!(watch.lines(16_000, &[]), ["no longer waiting for b"]);
        assert!(watch.lines(17_000, &[]).is_empty());
    }
}
