//! The best split of a node.

use crate::bits::Bits;
use crate::{Gaussian, Question, TriphoneState};
use std::collections::{BTreeMap, BTreeSet};

/// A state seen, and the Gaussian of its frames.
pub(crate) type Seen<'a> = (TriphoneState, &'a Gaussian);

/// What a split must keep to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) variance_floor: f64,
    /// Fewest frames on either side.
    pub(crate) minimum_count: f64,
    /// A split must gain more than this.
    pub(crate) minimum_gain: f64,
}

/// A question, and how much log likelihood its two sides gain over the whole.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    pub(crate) question: Question,
    pub(crate) gain: f64,
}

/// The question with the largest gain; of equal ones the first. `None` where no question keeps to the limits. Questions about one
/// part stand together.
pub(crate) fn best_split(seen: &[Seen<'_>], questions: &[Question], limits: Limits) -> Option<Split> {
    let dimension = seen.first()?.1.dimension();
    let whole = Gaussian::sum_of(dimension, seen.iter().map(|(_, gaussian)| *gaussian));
    if whole.count() < 2.0 * limits.minimum_count {
        return None;
    }
    let likelihood = whole.log_likelihood(limits.variance_floor);
    let mut best: Option<Split> = None;
    for questions in questions.chunk_by(|a, b| a.part() == b.part()) {
        let Some(part) = questions.first().map(Question::part) else { continue };
        let mut values: BTreeMap<u16, Gaussian> = BTreeMap::new();
        for (state, gaussian) in seen {
            values.entry(part.of(*state)).or_insert_with(|| Gaussian::new(dimension)).merge(gaussian);
        }
        let mut tried: BTreeSet<Bits> = BTreeSet::new();
        for question in questions {
            // Questions that say yes to the same of the values seen make the same split.
            let yes: Bits = values.keys().copied().filter(|&value| question.includes(value)).collect();
            if !tried.insert(yes.clone()) {
                continue;
            }
            let side = |answer: bool| {
                let of = values.iter().filter(|(value, _)| yes.contains(**value) == answer);
                Gaussian::sum_of(dimension, of.map(|(_, gaussian)| gaussian))
            };
            let sides = [side(true), side(false)];
            if sides.iter().any(|side| side.count() <= 0.0 || side.count() < limits.minimum_count) {
                continue;
            }
            let both: f64 = sides.iter().map(|side| side.log_likelihood(limits.variance_floor)).sum();
            let gain = both - likelihood;
            let least = best.as_ref().map_or(limits.minimum_gain, |best| best.gain);
            if gain > least {
                best = Some(Split { question: question.clone(), gain });
            }
        }
    }
    best
}
