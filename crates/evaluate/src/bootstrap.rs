//! Whether a difference between two systems is more than luck: the paired bootstrap of Bisani & Ney 2004.

use crate::frames::percent;
use serde::{Deserialize, Serialize};

/// Errors of two systems on the same piece of test data: a dialogue, a speaker or an utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PairedErrors {
    /// Frames or phones of the reference.
    pub total: u64,
    /// Errors of the system compared with.
    pub baseline: u64,
    /// Errors of the system under test.
    pub system: u64,
}

/// A difference of two error rates with its uncertainty, in percentage points; negative where the system is better.
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
    /// Two-sided bootstrap p-value: how often chance alone would turn the sign.
    pub p_value: f64,
    /// Pieces of test data that were drawn from.
    pub pieces: usize,
}

/// Draws as many pieces as there are, with replacement, `resamples` times, and compares the systems on each draw. Pieces
/// must be what varies independently: dialogues rather than frames. `None` with fewer than two pieces, nothing to count
/// or no resamples. The same seed gives the same answer.
#[must_use]
pub fn paired_bootstrap(pieces: &[PairedErrors], resamples: u32, seed: u64) -> Option<Difference> {
    let sum = |of: fn(&PairedErrors) -> u64| pieces.iter().map(of).sum::<u64>();
    let total = sum(|p| p.total);
    let (baseline, system) = (percent(sum(|p| p.baseline), total)?, percent(sum(|p| p.system), total)?);
    if pieces.len() < 2 || resamples == 0 {
        return None;
    }
    let mut random = SplitMix(seed);
    let mut draws: Vec<f64> = Vec::with_capacity(resamples as usize);
    for _ in 0..resamples {
        let (mut total, mut difference) = (0, 0);
        for _ in 0..pieces.len() {
            let piece = pieces[random.below(pieces.len())];
            total += piece.total;
            difference += piece.system as i64 - piece.baseline as i64;
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
        pieces: pieces.len(),
    })
}

/// SplitMix64 (Steele et al. 2014): small, seeded, good enough to draw indices.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((u128::from(z ^ (z >> 31)) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(errors: impl Iterator<Item = (u64, u64)>) -> Vec<PairedErrors> {
        errors.map(|(baseline, system)| PairedErrors { total: 100, baseline, system }).collect()
    }

    #[test]
    fn a_gain_in_every_dialogue_is_beyond_doubt() {
        let found = paired_bootstrap(&pieces((0..30).map(|i| (50 + i % 5, 44 + i % 7))), 10_000, 1).unwrap();
        assert!(found.points < -4.0 && found.high < 0.0 && found.p_value < 0.001, "{found:?}");
        assert!(found.low <= found.points && found.points <= found.high, "{found:?}");
    }

    #[test]
    fn gains_and_losses_that_cancel_are_luck() {
        let found =
            paired_bootstrap(&pieces((0..30).map(|i| (50, if i % 2 == 0 { 55 } else { 45 }))), 10_000, 1)
                .unwrap();
        assert!(
            found.points == 0.0 && found.low < 0.0 && found.high > 0.0 && found.p_value > 0.5,
            "{found:?}"
        );
    }

    #[test]
    fn the_interval_is_as_wide_as_the_central_limit_says() {
        // Independent differences of ±5 points over n = 400 pieces: standard error 5/√400 = 0.25 points.
        let mut coin = SplitMix(7);
        let toss = std::iter::repeat_with(|| (50, if coin.below(2) == 0 { 55 } else { 45 }))
            .take(400)
            .collect::<Vec<_>>();
        let found = paired_bootstrap(&pieces(toss.into_iter()), 10_000, 3).unwrap();
        assert!(((found.high - found.low) / (2.0 * 1.96 * 0.25) - 1.0).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn the_seed_decides_the_draw_and_nothing_else_does() {
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
