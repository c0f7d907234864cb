use crate::metrics;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum number of pairs of machine and reason that are logged. Others are only counted.
const TOLD: usize = 1024;

/// Counts all refusals, and logs each machine once for each reason, so that repeated tries do not fill the log. Cheap
/// to clone; clones share their state.
#[derive(Debug, Clone, Default)]
pub struct Refusals(Arc<Mutex<BTreeSet<(IpAddr, &'static str)>>>);

impl Refusals {
    /// Records a refused connection. `reason` is a word for metrics, `words` is for people.
    pub fn connection(&self, from: IpAddr, reason: &'static str, words: &str) {
        metrics::refused_connections(1, reason);
        if self.is_new(from, reason) {
            tracing::warn!(%from, reason, "connection refused: {words}; further ones are counted, not logged");
        }
    }

    /// Records a refused call on a connection.
    pub fn call(&self, from: IpAddr, reason: &'static str, words: &str) {
        metrics::refused_calls(1, reason);
        if self.is_new(from, reason) {
            tracing::warn!(%from, reason, "call refused: {words}; further ones are counted, not logged");
        }
    }

    fn is_new(&self, from: IpAddr, reason: &'static str) -> bool {
        // The set is consistent even if a thread panicked while holding the lock.
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.len() < TOLD && told.insert((from, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn each_machine_is_told_of_once_for_each_reason_and_memory_is_bounded() {
        let refusals = Refusals::default();
        let first = IpAddr::from([10, 0, 0, 1]);
        assert!(refusals.is_new(first, "expired"));
        let clone = refusals.clone();
        assert!(!clone.is_new(first, "expired"));
        assert!(refusals.is_new(first, "unknown-ca"));
        assert!(!clone.is_new(first, "unknown-ca"));
        let new = (0..5000u32).filter(|i| refusals.is_new(Ipv4Addr::from(*i).into(), "expired")).count();
        assert_eq!(new, TOLD - 2);
    }
}
