use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Pause after the first wrong token of an address; each further one doubles it.
const FIRST: Duration = Duration::from_millis(250);
/// The longest pause. A person who has mistyped waits no longer than this.
const LONGEST: Duration = Duration::from_secs(10);
/// After this time without another wrong token, those before are forgotten.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// Maximum number of addresses that are remembered; of more, the one that waits shortest is forgotten.
const MOST: usize = 4096;

/// Slows down whoever tries tokens. After a wrong one, no other token of that address is looked at until a pause is over, so that many
/// calls side by side try no more than one call after the other. Cheap to clone; clones share their state.
#[derive(Debug, Clone, Default)]
pub struct Attempts(Arc<Mutex<BTreeMap<IpAddr, Wrong>>>);

#[derive(Debug, Clone, Copy)]
struct Wrong {
    times: u32,
    until: Instant,
}

/// A token that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// It is wrong. The answer has to wait for so long.
    Wrong(Duration),
    /// It was not looked at, because of an earlier wrong one; in so long it will be.
    TooSoon(Duration),
}

impl Attempts {
    /// Judges a token from `address`; `is_right` looks at it.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn judge(&self, address: IpAddr, is_right: impl FnOnce() -> bool) -> Result<(), Denied> {
        let now = Instant::now();
        // The map is consistent even if a thread panicked while holding the lock.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.get(&address).copied().filter(|wrong| now < wrong.until + FORGOTTEN);
        if let Some(Wrong { until, .. }) = before.filter(|wrong| now < wrong.until) {
            return Err(Denied::TooSoon(until - now));
        }
        if is_right() {
            all.remove(&address);
            return Ok(());
        }
        let times = before.map_or(0, |wrong| wrong.times);
        let pause = FIRST.saturating_mul(1 << times.min(16)).min(LONGEST);
        if all.len() >= MOST && !all.contains_key(&address) {
            let first = all.iter().min_by_key(|(_, wrong)| wrong.until).map(|(address, _)| *address);
            first.map(|address| all.remove(&address));
        }
        all.insert(address, Wrong { times: times.saturating_add(1), until: now + pause });
        Err(Denied::Wrong(pause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[tokio::test(start_paused = true)]
    async fn each_wrong_token_is_answered_later_and_meanwhile_none_of_that_address_is_looked_at() {
        let attempts = Attempts::default();
        let mut total = Duration::ZERO;
        for _ in 0..20 {
            let Err(Denied::Wrong(pause)) = attempts.judge(from(1), || false) else { panic!("accepted") };
            assert!(pause <= LONGEST);
            let unread = attempts.judge(from(1), || panic!("looked at"));
            assert_eq!(unread, Err(Denied::TooSoon(pause)));
            attempts.judge(from(2), || true).unwrap();
            tokio::time::sleep(pause).await;
            total += pause;
        }
        assert!(total > Duration::from_secs(120), "twenty tries took {total:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_right_token_and_time_make_wrong_ones_forgotten() {
        let attempts = Attempts::default();
        for _ in 0..5 {
            let _ = attempts.judge(from(1), || false);
            tokio::time::sleep(LONGEST).await;
        }
        attempts.judge(from(1), || true).unwrap();
        assert_eq!(attempts.judge(from(1), || false), Err(Denied::Wrong(FIRST)));
        tokio::time::sleep(FIRST + FORGOTTEN).await;
        assert_eq!(attempts.judge(from(1), || false), Err(Denied::Wrong(FIRST)));
    }

    #[test]
    fn memory_is_bounded() {
        let attempts = Attempts::default();
        for number in 0..10_000u32 {
            let _ = attempts.judge(std::net::Ipv4Addr::from(number).into(), || false);
        }
        assert_eq!(attempts.0.lock().unwrap().len(), MOST);
    }
}
