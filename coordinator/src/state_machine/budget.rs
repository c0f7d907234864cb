use super::membership::MOST_MEMBERS;
use std::collections::BTreeMap;

/// How often each identity was lost since it last got into a checkpoint.
///
/// It is there to end loops: a process that dies, comes back, dies at the same place, and has everybody wait each time. Getting
/// its state into a published checkpoint is progress, and clears its count: in a run of weeks every machine is lost at times.
/// A coordinator that is started again counts from nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget {
    lost: BTreeMap<String, u32>,
}

impl Budget {
    pub(super) fn lost(&mut self, identity: &str) {
        // Names that never come back must not pile up: whoever was lost least is forgotten first.
        if self.lost.len() >= MOST_MEMBERS && !self.lost.contains_key(identity) {
            let least = self.lost.iter().min_by_key(|(_, times)| **times).map(|(name, _)| name.clone());
            if let Some(name) = least {
                self.lost.remove(&name);
            }
        }
        *self.lost.entry(identity.to_owned()).or_default() += 1;
    }

    /// Its state is in a published checkpoint.
    pub(super) fn progressed(&mut self, identity: &str) {
        self.lost.remove(identity);
    }

    /// Why an identity is refused, if it is.
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
