use crate::metrics;
use std::fmt::Display;
use std::time::Duration;

/// How often and after which pauses an operation is tried again after a temporary failure: bounded exponential backoff
/// with jitter.
///
/// The pause after failure n (from 1) is `first · 2^(n-1)`, at most `longest`, scaled by a factor in [0.5, 1) drawn
/// from (`seed`, n). The jitter prevents that many workers try again at the same moment. It is drawn from a seed (a
/// hash of the worker's identity, for example), so tests are repeatable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Total number of tries, including the first. 0 counts as 1.
    pub attempts: u32,
    /// Pause after the first failure, before jitter.
    pub first: Duration,
    /// Upper bound of a pause, before jitter.
    pub longest: Duration,
    /// Should differ between programs that may fail at the same time.
    pub seed: u64,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The failure may be temporary.
    TryAgain,
    /// The failure is permanent.
    GiveUp,
}

impl Retry {
    /// The pause after the `failures`-th failure in a row (from 1), or `None` if no try is left.
    #[must_use]
    pub fn delay(&self, failures: u32) -> Option<Duration> {
        if failures >= self.attempts {
            return None;
        }
        let doublings = failures.saturating_sub(1).min(63);
        let nanoseconds = self.first.as_nanos().saturating_mul(1 << doublings).min(self.longest.as_nanos());
        let nanoseconds = u64::try_from(nanoseconds).unwrap_or(u64::MAX);
        let factor = 0.5 + 0.5 * unit_interval(self.seed, failures);
        Some(Duration::from_nanos((nanoseconds as f64 * factor) as u64))
    }

    /// Runs `operation` until it succeeds, `judge` returns [`Verdict::GiveUp`] for its error, or no try is left; then
    /// returns the last error. Each failure that is followed by another try is logged with `what` ("get shard") and
    /// counted in the metric `retries`.
    ///
    /// # Errors
    /// The operation's last error.
    pub async fn run<T, E, F, O>(
        &self,
        what: &'static str,
        judge: impl Fn(&E) -> Verdict,
        mut operation: F,
    ) -> Result<T, E>
    where
        E: Display,
        F: FnMut() -> O,
        O: Future<Output = Result<T, E>>,
    {
        let mut failures = 0;
        loop {
            let error = match operation().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            failures += 1;
            if judge(&error) == Verdict::GiveUp {
                return Err(error);
            }
            let Some(delay) = self.delay(failures) else {
                return Err(error);
            };
            metrics::retries(1, what);
            tracing::warn!(%error, what, failures, attempts = self.attempts, ?delay, "trying again");
            tokio::time::sleep(delay).await;
        }
    }
}

/// A number in [0, 1) that depends only on the arguments.
fn unit_interval(seed: u64, draw: u32) -> f64 {
    stentor_random::unit_interval(stentor_random::nth(seed, u64::from(draw) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;
    use tokio::time::Instant;

    const RETRY: Retry = Retry {
        attempts: 5,
        first: Duration::from_millis(100),
        longest: Duration::from_millis(300),
        seed: 7,
    };

    proptest! {
        #[test]
        fn every_pause_is_between_half_of_the_bounded_exponential_and_the_whole(
            attempts in 0_u32..200, first in 0_u64..10_000, longest in 0_u64..100_000, seed: u64, failures in 1_u32..200,
        ) {
            let retry = Retry {
                attempts, first: Duration::from_millis(first), longest: Duration::from_millis(longest), seed,
            };
            let Some(delay) = retry.delay(failures) else {
                prop_assert!(failures >= attempts);
                return Ok(());
            };
            prop_assert!(failures < attempts);
            let whole = (first as f64 * 2_f64.powi(failures as i32 - 1)).min(longest as f64) / 1e3;
            prop_assert!(delay.as_secs_f64() >= whole * 0.5 - 1e-6, "{delay:?} of {whole} s");
            prop_assert!(delay.as_secs_f64() <= whole + 1e-6, "{delay:?} of {whole} s");
            prop_assert_eq!(retry.delay(failures), Some(delay));
        }
    }

    #[test]
    fn workers_with_different_seeds_do_not_come_back_together() {
        let delays: std::collections::BTreeSet<_> =
            (0..64).map(|seed| Retry { seed, ..RETRY }.delay(1).unwrap()).collect();
        assert!(delays.len() > 60, "{delays:?}");
        let spread = delays.last().unwrap().as_secs_f64() - delays.first().unwrap().as_secs_f64();
        assert!(spread > 0.04, "{spread} of 0.05 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_passes_costs_the_pauses_and_nothing_else() {
        let tries = Cell::new(0);
        let start = Instant::now();
        let outcome = RETRY
            .run(
                "test",
                |_: &&str| Verdict::TryAgain,
                || async {
                    tries.set(tries.get() + 1);
                    if tries.get() < 4 { Err("not yet") } else { Ok(tries.get()) }
                },
            )
            .await;
        assert_eq!(outcome, Ok(4));
        let pauses: Duration = (1..4).filter_map(|failures| RETRY.delay(failures)).sum();
        assert!(start.elapsed() >= pauses && start.elapsed() < pauses + Duration::from_millis(10));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_error_comes_back_when_no_try_is_left() {
        let tries = Cell::new(0);
        let outcome: Result<(), String> = RETRY
            .run(
                "test",
                |_| Verdict::TryAgain,
                || async {
                    tries.set(tries.get() + 1);
                    Err(format!("failure {}", tries.get()))
                },
            )
            .await;
        assert_eq!(outcome, Err("failure 5".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_that_will_not_pass_is_returned_at_once() {
        let start = Instant::now();
        let outcome: Result<(), &str> = RETRY.run("test", |_| Verdict::GiveUp, || async { Err("no") }).await;
        assert_eq!(outcome, Err("no"));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
