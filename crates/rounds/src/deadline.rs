use crate::Millis;
use std::collections::VecDeque;
use stentor_experiment::Cluster;

/// Delays of contributions after the first one of their round, from which the time that members may need is estimated.
///
/// The deadline is the median of these delays plus `cluster.deadline_mads` times their median absolute deviation; a member that
/// hangs changes neither of them much. Only usual rounds are used and judged: not the first ones, none after a boundary with
/// duties, none with newcomers, and none whose members changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lags {
    recent: VecDeque<Millis>,
}

/// Maximum number of delays that are kept.
const REMEMBERED: usize = 256;
/// Minimum number of delays for an estimate.
const ENOUGH: usize = 32;

impl Lags {
    pub(crate) fn record(&mut self, lag: Millis) {
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(lag);
    }

    /// Discards all delays, because the conditions have changed.
    pub(crate) fn forget(&mut self) {
        self.recent.clear();
    }

    /// The deadline for missing contributions of a usual round; `at_most` without enough delays.
    pub(crate) fn deadline(&self, cluster: &Cluster, at_most: Millis) -> Millis {
        if cluster.deadline_mads == 0.0 || self.recent.len() < ENOUGH {
            return at_most;
        }
        let mut lags: Vec<Millis> = self.recent.iter().copied().collect();
        let median = median(&mut lags);
        let mut deviations: Vec<Millis> = self.recent.iter().map(|lag| lag.abs_diff(median)).collect();
        let spread = self::median(&mut deviations) as f64;
        let floor = (cluster.deadline_floor_s * 1e3) as Millis;
        let adapted = median.saturating_add((cluster.deadline_mads * spread) as Millis);
        adapted.max(floor).min(at_most)
    }
}

/// The upper median of an even number: a wait that is too long is better than one that is too short.
fn median(values: &mut [Millis]) -> Millis {
    let middle = values.len() / 2;
    *values.select_nth_unstable(middle).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lags(values: impl IntoIterator<Item = Millis>) -> Lags {
        let mut lags = Lags::default();
        values.into_iter().for_each(|lag| lags.record(lag));
        lags
    }

    fn cluster(deadline_mads: f64, deadline_floor_s: f64) -> Cluster {
        Cluster { deadline_mads, deadline_floor_s, ..Cluster::default() }
    }

    #[test]
    fn the_deadline_follows_what_was_seen_between_its_floor_and_the_longest_wait() {
        let seen = lags((0..40).map(|n| 1_000 + 100 * (n % 5)));
        assert_eq!(seen.deadline(&cluster(10.0, 0.1), 60_000), 1_200 + 10 * 100);
        assert_eq!(seen.deadline(&cluster(10.0, 5.0), 60_000), 5_000);
        assert_eq!(seen.deadline(&cluster(10.0, 5.0), 3_000), 3_000, "never beyond round_deadline_s");
        assert_eq!(seen.deadline(&cluster(0.0, 0.1), 60_000), 60_000, "switched off");
    }

    #[test]
    fn one_that_hung_does_not_lengthen_the_wait_for_the_next() {
        let usual = || (0..40).map(|n| 1_000 + 100 * (n % 5));
        let hung = lags(usual().chain([50_000, 50_000]));
        let expected = lags(usual()).deadline(&cluster(10.0, 0.1), 60_000);
        assert!(hung.deadline(&cluster(10.0, 0.1), 60_000) <= expected + 100);
    }

    #[test]
    fn little_is_known_at_first_and_after_forgetting() {
        let mut few = lags([10; ENOUGH - 1]);
        assert_eq!(few.deadline(&cluster(10.0, 0.1), 60_000), 60_000);
        few.record(10);
        assert_eq!(few.deadline(&cluster(10.0, 0.1), 60_000), 100);
        few.forget();
        assert_eq!(few.deadline(&cluster(10.0, 0.1), 60_000), 60_000);
    }
}
