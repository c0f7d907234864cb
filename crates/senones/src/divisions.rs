//! Clusters of phones from the top down.

use crate::Gaussian;
use std::collections::{BTreeMap, BTreeSet};
use stentor_inventory::PhoneId;

/// Most times that all phones of a set are tried on the other side. It usually rests after a few.
const ROUNDS: usize = 20;

type Member<'a> = (PhoneId, &'a Gaussian);

/// Clusters of phones from the top down: a set is cut in two by moving single phones to the other side while that gains
/// log likelihood, and both sides are cut again until they have one phone. Each cluster of at least two phones is returned, but not
/// the set of all. This is how Kaldi's `cluster-phones` makes questions.
#[must_use]
pub fn divisions(phones: &BTreeMap<PhoneId, Gaussian>, variance_floor: f64) -> Vec<BTreeSet<PhoneId>> {
    let seen = phones.iter().filter(|(_, gaussian)| gaussian.count() > 0.0);
    let mut open: Vec<Vec<Member<'_>>> = vec![seen.map(|(&phone, gaussian)| (phone, gaussian)).collect()];
    let mut made = Vec::new();
    while let Some(set) = open.pop() {
        if set.len() < 2 {
            continue;
        }
        for half in halves(&set, variance_floor) {
            if half.len() > 1 {
                made.push(half.iter().map(|(phone, _)| *phone).collect());
                open.push(half);
            }
        }
    }
    made
}

/// Two sets, neither of them empty, of at least two phones.
fn halves<'a>(set: &[Member<'a>], variance_floor: f64) -> [Vec<Member<'a>>; 2] {
    let mut sides: Vec<bool> = (0..set.len()).map(|place| place % 2 == 1).collect();
    let likelihood = |sides: &[bool]| -> f64 {
        let side = |wanted: bool| {
            let members = set.iter().zip(sides).filter(|(_, side)| **side == wanted);
            let dimension = set.first().map_or(0, |(_, gaussian)| gaussian.dimension());
            Gaussian::sum_of(dimension, members.map(|((_, gaussian), _)| *gaussian))
                .log_likelihood(variance_floor)
        };
        side(false) + side(true)
    };
    let mut best = likelihood(&sides);
    for _ in 0..ROUNDS {
        let mut moved = false;
        for place in 0..set.len() {
            let here = sides[place];
            if sides.iter().filter(|side| **side == here).count() == 1 {
                continue;
            }
            sides[place] = !here;
            let after = likelihood(&sides);
            // A move that gains no more than rounding would be taken back in the next round.
            if after > best + 1e-9 * best.abs() {
                (best, moved) = (after, true);
            } else {
                sides[place] = here;
            }
        }
        if !moved {
            break;
        }
    }
    let side =
        |wanted: bool| set.iter().zip(&sides).filter(|(_, s)| **s == wanted).map(|(m, _)| *m).collect();
    [side(false), side(true)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_gap_is_cut_first() {
        let at = |value: f32| {
            let mut gaussian = Gaussian::new(1);
            [-0.1, 0.0, 0.1].into_iter().for_each(|noise| gaussian.add_frame(&[value + noise]));
            gaussian
        };
        let values = [0.0, 50.0, 0.3, 51.0, 4.0].map(at);
        let phones: BTreeMap<PhoneId, Gaussian> = (0u16..).map(PhoneId::new).zip(values).collect();
        let made: BTreeSet<Vec<u16>> =
            divisions(&phones, 0.01).iter().map(|set| set.iter().map(|id| id.number()).collect()).collect();
        assert_eq!(made, BTreeSet::from([vec![0, 2, 4], vec![0, 2], vec![1, 3]]));
        assert!(divisions(&BTreeMap::new(), 0.01).is_empty());
    }
}
