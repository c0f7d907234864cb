//! The significance of a difference between two systems: the paired bootstrap of Bisani & Ney 2004.

use crate::frames::percent;
use serde::{Deserialize, Serialize};
use stentor_random::SplitMix64;

/// Errors of two systems on the same piece of test data: a dialogue, a speaker or an utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairedErrors {
    /// Number of frames or phones in the reference.
    pub total: u64,
    /// Errors of the baseline.
    pub baseline: u64,
    /// Errors of the system under test.
    pub system: u64,
}

/// A difference of two error rates with its uncertainty, in percentage points; negative if the system is better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Rate of the baseline, percent.
    pub baseline: f64,
    /// Rate of the system, percent.
    pub system: f64,
    /// `system − baseline`, points.
    pub points: f64,
    /// Lower end of the 95 % interval of `points`.
    pub low: f64,
    /// Upper end of the 95 % interval of `points`.
    pub high: f64,
    /// Two-sided bootstrap p-value: the probability that chance alone reverses the sign.
    pub p_value: f64,
    /// Number of pieces of test data in each draw.
    pub pieces: usize,
    /// Number of training seeds; 1 if their spread is not included in the interval.
    #[serde(default = "one")]
    pub seeds: usize,
}

fn one() -> usize {
    1
}

/// Draws as many pieces as there are, with replacement, `resamples` times, and compares the systems on each draw.
/// Pieces must vary independently: dialogues rather than frames. `None` with fewer than two pieces, no reference frames
/// or phones, or no resamples. The same seed gives the same result.
#[must_use]
pub fn paired_bootstrap(pieces: &[PairedErrors], resamples: u32, seed: u64) -> Option<Difference> {
    paired_bootstrap_over_seeds(&[pieces.to_vec()], resamples, seed)
}

/// Like [`paired_bootstrap`], for systems that were trained with several seeds: one list of pieces for each seed, of
/// the same test data in the same order. Each draw takes pieces and seeds: a piece counts with its errors under each
/// seed drawn, so that the interval includes the spread of seeds besides that of the test data. Of n seeds n − 1 are
/// drawn, with replacement: the variance of their mean is then that of n seeds, which n draws would underestimate by
/// 1/n (Rao & Wu 1988). `None` as there, and if the lists differ in length.
#[must_use]
pub fn paired_bootstrap_over_seeds(
    runs: &[Vec<PairedErrors>],
    resamples: u32,
    seed: u64,
) -> Option<Difference> {
    let pieces = runs.first()?.len();
    let sum = |of: fn(&PairedErrors) -> u64| runs.iter().flatten().map(of).sum::<u64>();
    let total = sum(|p| p.total);
    let (baseline, system) = (percent(sum(|p| p.baseline), total)?, percent(sum(|p| p.system), total)?);
    if pieces < 2 || resamples == 0 || runs.iter().any(|run| run.len() != pieces) {
        return None;
    }
    let mut random = SplitMix64::new(seed);
    let mut draws: Vec<f64> = Vec::with_capacity(resamples as usize);
    for _ in 0..resamples {
        let drawn: Vec<&Vec<PairedErrors>> = match runs {
            [only] => vec![only],
            _ => (1..runs.len()).map(|_| &runs[random.below(runs.len())]).collect(),
        };
        let (mut total, mut difference) = (0, 0);
        for _ in 0..pieces {
            let place = random.below(pieces);
            for piece in drawn.iter().map(|run| run[place]) {
                total += piece.total;
                difference += piece.system as i64 - piece.baseline as i64;
            }
        }
        draws.push(if total == 0 { 0.0 } else { 100.0 * difference as f64 / total as f64 });
    }
    draws.sort_by(f64::total_cmp);
    let quantile = |q: f64| draws[((draws.len() - 1) as f64 * q).round() as usize];
    let (below, above) =
        (draws.iter().filter(|&&d| d <= 0.0).count(), draws.iter().filter(|&&d| d >= 0.0).count());
    let p_value = 2.0 * (below.min(above) + 1) as f64 / (draws.len() + 1) as f64;
    Some(Difference {
        baseline,
        system,
        points: system - baseline,
        low: quantile(0.025),
        high: quantile(0.975),
        p_value: p_value.min(1.0),
        pieces,
        seeds: runs.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(errors: impl Iterator<Item = (u64, u64)>) -> Vec<PairedErrors> {
        errors.map(|(baseline, system)| PairedErrors { total: 100, baseline, system }).collect()
    }

    #[test]
    fn a_gain_in_every_dialogue_is_significant() {
        let found = paired_bootstrap(&pieces((0..30).map(|i| (50 + i % 5, 44 + i % 7))), 10_000, 1).unwrap();
        assert!(found.points < -4.0 && found.high < 0.0 && found.p_value < 0.001, "{found:?}");
        assert!(found.low <= found.points && found.points <= found.high, "{found:?}");
    }

    #[test]
    fn gains_and_losses_that_cancel_are_not_significant() {
        let found =
            paired_bootstrap(&pieces((0..30).map(|i| (50, if i % 2 == 0 { 55 } else { 45 }))), 10_000, 1)
                .unwrap();
        assert!(
            found.points == 0.0 && found.low < 0.0 && found.high > 0.0 && found.p_value > 0.5,
            "{found:?}"
        );
    }

    #[test]
    fn the_interval_has_the_width_of_the_central_limit_theorem() {
        // Independent differences of ±5 points over n = 400 pieces: standard error 5/√400 = 0.25 points.
        let mut coin = SplitMix64::new(7);
        let toss = std::iter::repeat_with(|| (50, if coin.below(2) == 0 { 55 } else { 45 }))
            .take(400)
            .collect::<Vec<_>>();
        let found = paired_bootstrap(&pieces(toss.into_iter()), 10_000, 3).unwrap();
        assert!(((found.high - found.low) / (2.0 * 1.96 * 0.25) - 1.0).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn the_interval_over_seeds_includes_their_spread() {
        // In each piece equally: 2, 5 and 8 points better. The pieces do not vary, the seeds have a deviation of 3:
        // standard error 3/√3 = 1.73 points, which corresponds to exactly three seeds.
        let seed = |gain: u64| pieces((0..40).map(move |_| (50, 50 - gain)));
        let runs = [seed(2), seed(5), seed(8)];
        let over = paired_bootstrap_over_seeds(&runs, 10_000, 1).unwrap();
        assert_eq!((over.points, over.seeds, over.pieces), (-5.0, 3, 40));
        assert_eq!((over.low, over.high), (-8.0, -2.0));
        let one = paired_bootstrap(&runs[1], 10_000, 1).unwrap();
        assert_eq!((one.low, one.high), (-5.0, -5.0), "a single seed has no spread");

        // Many seeds, so that the normal distribution holds: the interval is 2 × 1.96 standard errors.
        let gains: Vec<u64> = (0..25).map(|n| n % 5).collect();
        let runs: Vec<_> = gains.iter().map(|&gain| seed(gain)).collect();
        let over = paired_bootstrap_over_seeds(&runs, 10_000, 1).unwrap();
        let variance = gains.iter().map(|&g| (g as f64 - 2.0).powi(2)).sum::<f64>() / 24.0;
        let expected = 2.0 * 1.96 * (variance / 25.0).sqrt();
        assert!(((over.high - over.low) / expected - 1.0).abs() < 0.1, "{over:?} against {expected}");
    }

    #[test]
    fn seeds_scored_on_different_test_data_are_not_compared() {
        let runs = [pieces((0..4).map(|_| (50, 40))), pieces((0..3).map(|_| (50, 40)))];
        assert_eq!(paired_bootstrap_over_seeds(&runs, 100, 1), None);
    }

    #[test]
    fn the_seed_alone_determines_the_draw() {
        let data = pieces((0..9).map(|i| (50 + i, 48 + 2 * i)));
        assert_eq!(paired_bootstrap(&data, 1000, 5), paired_bootstrap(&data, 1000, 5));
        assert_ne!(paired_bootstrap(&data, 1000, 5), paired_bootstrap(&data, 1000, 6));
    }

    #[test]
    fn without_two_pieces_there_is_no_comparison() {
        assert_eq!(paired_bootstrap(&pieces(std::iter::once((1, 2))), 100, 1), None);
        let empty = vec![PairedErrors { total: 0, baseline: 0, system: 0 }; 3];
        assert_eq!(paired_bootstrap(&empty, 100, 1), None);
    }
}
