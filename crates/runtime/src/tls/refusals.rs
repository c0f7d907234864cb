use crate::metrics;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Pairs of machine and reason that are told apart in the log. What comes beyond is counted only.
const TOLD: usize = 1024;

/// Counts everybody who is turned away, and logs each machine once for each reason: whoever tries again and again must
/// not fill the log. Cheap to clone; clones share their memory.
#[derive(Debug, Clone, Default)]
pub struct Refusals(Arc<Mutex<BTreeSet<(IpAddr, &'static str)>>>);

impl Refusals {
    /// A connection was not let in. `reason` is a word for metrics, `words` are for people.
    pub fn connection(&self, from: IpAddr, reason: &'static str, words: &str) {
        metrics::refused_connections(1, reason);
        if self.is_new(from, reason) {
            tracing::warn!(%from, reason, "connection refused: {words}; further ones are counted, not logged");
        }
    }

    /// A call on a connection was refused.
    pub fn call(&self, from: IpAddr, reason: &'static str, words: &str) {
        metrics::refused_calls(1, reason);
        if self.is_new(from, reason) {
            tracing::warn!(%from, reason, "call refused: {words}; further ones are counted, not logged");
        }
    }

    fn is_new(&self, from: IpAddr, reason: &'static str) -> bool {
        // A poisoned lock still holds a whole set.
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
