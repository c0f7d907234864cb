//! Which of a phone's states come before which, as annotated speech has them. A state's number says nothing: of a left-to-right
//! model's states it may be the place, of tied states it is a name.

use std::collections::{BTreeMap, BTreeSet};

/// How often a frame of one state is followed by one of another of the same phone, `[(state, state)]`.
pub type Steps = BTreeMap<(u16, u16), u64>;

/// A partial order of states.
///
/// Most steps go forward; some go back, because a phone can be spoken twice in a row. So pairs are ranked by how much more often they
/// are stepped through in one direction than in the other, and each in turn is taken into the order unless those before it say
/// the opposite (the ranked pairs of Tideman 1987).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateOrder {
    /// `[states]`: all that come after it, next or later.
    after: Vec<BTreeSet<u16>>,
}

impl StateOrder {
    /// The order of states below `states` that these steps speak for.
    #[must_use]
    pub fn new(states: usize, steps: &Steps) -> Self {
        let count = |from, to| steps.get(&(from, to)).copied().unwrap_or(0);
        let majority = |(&(from, to), &count_of_it): (&(u16, u16), &u64)| {
            let margin =
                count_of_it.checked_sub(count(to, from)).filter(|margin| *margin > 0 && from != to)?;
            Some((margin, from, to))
        };
        let mut pairs: Vec<(u64, u16, u16)> = steps.iter().filter_map(majority).collect();
        pairs.sort_by_key(|&(margin, from, to)| (std::cmp::Reverse(margin), from, to));
        let mut order = Self { after: vec![BTreeSet::new(); states] };
        for (_, from, to) in pairs {
            if !order.goes_back(from, to) && !order.after[usize::from(from)].contains(&to) {
                order.put(from, to);
            }
        }
        order
    }

    /// `to`, and what comes after it, comes after `from` and after what `from` comes after.
    fn put(&mut self, from: u16, to: u16) {
        let mut later = self.after[usize::from(to)].clone();
        later.insert(to);
        for (state, after) in (0u16..).zip(&mut self.after) {
            if state == from || after.contains(&from) {
                after.extend(&later);
            }
        }
    }

    /// Whether a step between two states of one phone leads back to what comes before: then the phone is spoken again.
    #[must_use]
    pub fn goes_back(&self, from: u16, to: u16) -> bool {
        self.after.get(usize::from(to)).is_some_and(|after| after.contains(&from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rare_step_back_does_not_turn_the_order_round_whatever_the_states_numbers_are() {
        // 7 begins, 2 is the middle, 5 the end; nobody skips, and once in a while the phone is spoken again.
        let steps = Steps::from([((7, 2), 50), ((2, 5), 49), ((5, 7), 3), ((7, 7), 9)]);
        let order = StateOrder::new(8, &steps);
        for (from, to) in [(5, 7), (5, 2), (2, 7)] {
            assert!(order.goes_back(from, to) && !order.goes_back(to, from), "{from} to {to}");
        }
        assert!(!order.goes_back(7, 7) && !order.goes_back(3, 7) && !order.goes_back(7, 3));
        assert!(!order.goes_back(200, 7) && !order.goes_back(7, 200));
    }

    #[test]
    fn states_that_are_stepped_through_both_ways_alike_have_no_order() {
        let order = StateOrder::new(2, &Steps::from([((0, 1), 4), ((1, 0), 4)]));
        assert!(!order.goes_back(0, 1) && !order.goes_back(1, 0));
    }

    proptest! {
        #[test]
        fn no_two_states_come_before_each_other(
            steps in prop::collection::btree_map((0u16..7, 0u16..7), 1u64..9, 0..30),
        ) {
            let order = StateOrder::new(7, &steps);
            for from in 0..7 {
                prop_assert!(!order.goes_back(from, from));
                for to in 0..7 {
                    prop_assert!(!(order.goes_back(from, to) && order.goes_back(to, from)));
                }
            }
        }
    }
}
