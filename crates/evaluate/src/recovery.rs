//! How much of the gain of more annotated audio a system reaches without the annotations.

use crate::{Measure, Scoreboard};
use serde::{Deserialize, Serialize};
use stentor_random::SplitMix64;

/// The share of the distance between a baseline and a ceiling that a system covers: (baseline − system) / (baseline −
/// ceiling) of their error rates, percent. With word errors, a baseline trained on the annotated part and a ceiling trained
/// on the annotations of all audio it is the *WER recovery rate* of Manohar et al. 2018.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// The share, percent; negative for a system that is worse than the baseline.
    pub percent: f64,
    /// The 95 % interval; absent where so many draws have a ceiling no better than the baseline that it has no ends.
    pub interval: Option<(f64, f64)>,
}

/// The same test set scored with three systems that were trained with the same seed.
#[derive(Debug, Clone, Copy)]
pub struct RecoveryRun<'a> {
    /// The system.
    pub system: &'a Scoreboard,
    /// Where it starts from.
    pub baseline: &'a Scoreboard,
    /// What it could reach.
    pub ceiling: &'a Scoreboard,
}

/// Errors of a group: baseline − system, and baseline − ceiling.
type Gains = (i64, i64);

impl Recovery {
    /// The share over all seeds, one element of `runs` for each, with an interval by the bootstrap of
    /// [`crate::paired_bootstrap_over_seeds`]: groups and seeds are drawn together. `None` without runs, if they were not all
    /// scored on the same groups and references, or if the ceiling is no better than the baseline: then there is no distance.
    #[must_use]
    pub fn of(runs: &[RecoveryRun<'_>], measure: Measure, resamples: u32, seed: u64) -> Option<Self> {
        let gains: Vec<Vec<Gains>> = runs.iter().map(|run| run.gains(measure)).collect::<Option<_>>()?;
        let groups = gains.first()?.len();
        if gains.iter().any(|run| run.len() != groups) {
            return None;
        }
        let whole = gains.iter().flatten().fold((0, 0), add);
        let percent = share(whole)?;
        let mut random = SplitMix64::new(seed);
        let mut draws = Vec::with_capacity(resamples as usize);
        for _ in 0..resamples {
            let drawn: Vec<&Vec<Gains>> = match &gains[..] {
                [only] => vec![only],
                // n − 1 of n, as for differences.
                _ => (1..gains.len()).map(|_| &gains[random.below(gains.len())]).collect(),
            };
            let mut sum = (0, 0);
            for _ in 0..groups {
                let place = random.below(groups);
                sum = drawn.iter().map(|run| &run[place]).fold(sum, add);
            }
            draws.push(share(sum));
        }
        Some(Self { percent, interval: (groups > 1).then(|| interval(&draws)).flatten() })
    }
}

impl RecoveryRun<'_> {
    fn gains(&self, measure: Measure) -> Option<Vec<Gains>> {
        let system = self.system.pieces(self.baseline, measure)?;
        let ceiling = self.ceiling.pieces(self.baseline, measure)?;
        // Both are in the order of the baseline's groups.
        let pairs = system.iter().zip(&ceiling);
        let gain = |errors: u64, baseline: u64| baseline as i64 - errors as i64;
        Some(pairs.map(|(s, c)| (gain(s.system, s.baseline), gain(c.system, c.baseline))).collect())
    }
}

fn add((own, best): Gains, &(more, most): &Gains) -> Gains {
    (own + more, best + most)
}

fn share((own, best): Gains) -> Option<f64> {
    (best > 0).then(|| 100.0 * own as f64 / best as f64)
}

/// The middle 95 % of the draws. A draw without a distance may lie on either side: with more than 2.5 % of them one end or the
/// other would be one of them.
fn interval(draws: &[Option<f64>]) -> Option<(f64, f64)> {
    let mut known: Vec<f64> = draws.iter().copied().flatten().collect();
    let unknown = draws.len() - known.len();
    if known.is_empty() || unknown as f64 > 0.025 * draws.len() as f64 {
        return None;
    }
    known.sort_by(f64::total_cmp);
    let quantile = |q: f64| known[((known.len() - 1) as f64 * q).round() as usize];
    Some((quantile(0.025), quantile(0.975)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Score;
    use crate::words::WordErrors;

    fn board(errors: &[u64]) -> Scoreboard {
        let mut board = Scoreboard::default();
        for (place, &substitutions) in errors.iter().enumerate() {
            let words = WordErrors { reference: 100, substitutions, ..WordErrors::default() };
            board.add(&format!("g{place:02}"), Score { words, ..Score::default() });
        }
        board
    }

    fn of(system: &[u64], baseline: &[u64], ceiling: &[u64]) -> Option<Recovery> {
        let (system, baseline, ceiling) = (board(system), board(baseline), board(ceiling));
        let run = RecoveryRun { system: &system, baseline: &baseline, ceiling: &ceiling };
        Recovery::of(&[run], Measure::Words, 1000, 1)
    }

    #[test]
    fn a_system_half_way_recovers_half_and_a_worse_one_less_than_nothing() {
        let half = of(&[60, 60, 60], &[70, 70, 70], &[50, 50, 50]).unwrap();
        assert_eq!((half.percent, half.interval), (50.0, Some((50.0, 50.0))));
        assert_eq!(of(&[80, 80], &[70, 70], &[50, 50]).unwrap().percent, -50.0);
    }

    #[test]
    fn groups_that_differ_widen_the_interval() {
        let errors: Vec<u64> = (0..20).map(|n| 55 + n % 10).collect();
        let found = of(&errors, &[70; 20], &[50; 20]).unwrap();
        let (low, high) = found.interval.unwrap();
        assert!(low < found.percent && found.percent < high && high - low < 20.0, "{found:?}");
    }

    #[test]
    fn without_a_distance_there_is_no_share() {
        assert_eq!(of(&[60, 60], &[70, 70], &[70, 70]), None);
        assert_eq!(Recovery::of(&[], Measure::Words, 100, 1), None);
        let one = of(&[60], &[70], &[50]).unwrap();
        assert_eq!((one.percent, one.interval), (50.0, None), "one group does not vary");
        let often_none = of(&[60, 60], &[70, 70], &[40, 85]).unwrap();
        assert_eq!(often_none.interval, None, "a quarter of the draws takes the second group twice");
    }

    #[test]
    fn seeds_count_together_and_must_have_the_same_groups() {
        let boards = |errors: u64| (board(&[errors; 3]), board(&[70; 3]), board(&[50; 3]));
        let (one, other) = (boards(60), boards(64));
        let scored = |(s, b, c): &'_ (Scoreboard, Scoreboard, Scoreboard)| {
            Recovery::of(
                &[
                    RecoveryRun { system: s, baseline: b, ceiling: c },
                    RecoveryRun { system: &one.0, baseline: &one.1, ceiling: &one.2 },
                ],
                Measure::Words,
                1000,
                1,
            )
        };
        let both = scored(&other).unwrap();
        assert_eq!((both.percent, both.interval), (40.0, Some((30.0, 50.0))));
        assert_eq!(scored(&(board(&[60; 2]), board(&[70; 2]), board(&[50; 2]))), None);
        assert_eq!(scored(&(board(&[60; 3]), board(&[70; 3]), board(&[50; 2]))), None);
    }
}
