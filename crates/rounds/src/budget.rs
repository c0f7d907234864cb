use crate::membership::MOST_MEMBERS;
use std::collections::{BTreeMap, BTreeSet};

/// How often each identity was lost since its state was last part of a published checkpoint.
///
/// The budget ends loops in which a process dies at the same place each time it is restarted, while all others wait. A published
/// checkpoint with its state is progress and clears the count, because in a run of weeks every machine is lost at times.
/// A restarted coordinator counts from 0.
#[derive(Debug, Clone, Default)]
pub(crate) struct Budget {
    lost: BTreeMap<String, u32>,
    /// Those that were lost since the last round began.
    recent: Vec<String>,
    /// Failures of all members together since the last published checkpoint.
    shared: u32,
    /// How often an identity's parameters or updates were found to be wrong. No checkpoint clears it: its machine computes wrongly.
    wrong: BTreeMap<String, u32>,
}

/// How often an identity may be found wrong: what happens once may be a particle, what happens again is the machine.
const MOST_WRONG: u32 = 3;

/// How many failures of all members together are nobody's fault: a cause that lasts longer, such as data that end every process,
/// must end the run.
const MOST_SHARED: u32 = 32;

impl Budget {
    pub(crate) fn lost(&mut self, identity: &str) {
        count(&mut self.lost, identity);
        self.recent.push(identity.to_owned());
    }

    /// The parameters or updates of `identity` were found to be wrong.
    pub(crate) fn found_wrong(&mut self, identity: &str) {
        count(&mut self.wrong, identity);
    }

    /// How often those of `identity` were.
    pub(crate) fn times_wrong(&self, identity: &str) -> u32 {
        self.wrong.get(identity).copied().unwrap_or_default()
    }

    fn is_wrong(&self, identity: &str) -> bool {
        self.times_wrong(identity) >= MOST_WRONG
    }

    /// A round begins.
    pub(crate) fn round_begins(&mut self) {
        self.recent.clear();
    }

    /// Whether one more failure of all members together is nobody's fault; it is counted.
    pub(crate) fn shares(&mut self) -> bool {
        self.shared += 1;
        self.shared <= MOST_SHARED
    }

    /// Whatever ended the memberships of the members that were lost since the last round began was not theirs.
    pub(crate) fn forgive(&mut self) {
        for identity in std::mem::take(&mut self.recent) {
            if let Some(times) = self.lost.get_mut(&identity) {
                *times = times.saturating_sub(1);
            }
        }
    }

    /// All members of a round are lost, one after the other. If they were several, the cause is none of them.
    pub(crate) fn all_are_lost(&mut self) {
        if self.recent.len() > 1 && self.shares() {
            self.forgive();
        }
    }

    /// The state of `identity` is in a published checkpoint.
    pub(crate) fn progressed(&mut self, identity: &str) {
        self.lost.remove(identity);
        self.shared = 0;
    }

    /// The reason to refuse an identity, if there is one.
    pub(crate) fn refusal(&self, identity: &str, restarts: u32) -> Option<String> {
        if self.is_wrong(identity) {
            let times = self.times_wrong(identity);
            return Some(format!(
                "the parameters of `{identity}` were wrong {times} times: see to its machine, then start it under another identity, \
                 or start the coordinator again"
            ));
        }
        let times = *self.lost.get(identity)?;
        (times > restarts).then(|| {
            format!(
                "`{identity}` was lost {times} times without getting into a checkpoint, and `cluster.restarts` allows {restarts}; \
                 see what ends it, then start it under another identity or resume the run"
            )
        })
    }

    /// Identities that are refused, for messages.
    pub(crate) fn spent(&self, restarts: u32) -> Vec<&str> {
        let lost = self.lost.iter().filter(|(_, times)| **times > restarts).map(|(name, _)| name.as_str());
        let wrong = self.wrong.keys().map(String::as_str).filter(|name| self.is_wrong(name));
        lost.chain(wrong).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Those that are refused because they computed wrongly, for messages.
    pub(crate) fn all_wrong(&self) -> Vec<&str> {
        self.wrong.keys().map(String::as_str).filter(|name| self.is_wrong(name)).collect()
    }
}

/// Counts a name once more. The number of names is bounded: those with the lowest counts are forgotten first.
fn count(names: &mut BTreeMap<String, u32>, identity: &str) {
    if names.len() >= MOST_MEMBERS && !names.contains_key(identity) {
        let least = names.iter().min_by_key(|(_, times)| **times).map(|(name, _)| name.clone());
        if let Some(name) = least {
            names.remove(&name);
        }
    }
    *names.entry(identity.to_owned()).or_default() += 1;
}
