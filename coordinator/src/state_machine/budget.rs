use super::membership::MOST_MEMBERS;
use std::collections::BTreeMap;

/// How often each identity was lost since its state was last part of a published checkpoint.
///
/// The budget ends loops in which a process dies at the same place each time it is restarted, while all others wait. A published
/// checkpoint with its state is progress and clears the count, because in a run of weeks every machine is lost at times.
/// A restarted coordinator counts from 0.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget {
    lost: BTreeMap<String, u32>,
}

impl Budget {
    pub(super) fn lost(&mut self, identity: &str) {
        // Bounds the number of names: identities that were lost least often are forgotten first.
        if self.lost.len() >= MOST_MEMBERS && !self.lost.contains_key(identity) {
            let least = self.lost.iter().min_by_key(|(_, times)| **times).map(|(name, _)| name.clone());
            if let Some(name) = least {
                self.lost.remove(&name);
            }
        }
        *self.lost.entry(identity.to_owned()).or_default() += 1;
    }

    /// The state of `identity` is in a published checkpoint.
    pub(super) fn progressed(&mut self, identity: &str) {
        self.lost.remove(identity);
    }

    /// The reason to refuse an identity, if there is one.
    pub(super) fn refusal(&self, identity: &str, restarts: u32) -> Option<String> {
        let times = *self.lost.get(identity)?;
        (times > restarts).then(|| {
            format!(
                "`{identity}` was lost {times} times without getting into a checkpoint, and `cluster.restarts` allows {restarts}; \
                 see what ends it, then start it under another identity or resume the run"
            )
        })
    }

    /// Identities that are refused, for messages.
    pub(super) fn spent(&self, restarts: u32) -> Vec<&str> {
        self.lost.iter().filter(|(_, times)| **times > restarts).map(|(name, _)| name.as_str()).collect()
    }
}
