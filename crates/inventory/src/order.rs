//! The order of a phone's states, inferred from annotated speech. State numbers do not give the order: in a
//! left-to-right model they may be positions, but for tied states they are only names.

use std::collections::{BTreeMap, BTreeSet};

/// How often a frame of one state is followed by a frame of another state of the same phone, `[(state, state)]`.
pub type Steps = BTreeMap<(u16, u16), u64>;

/// A partial order of states.
///
/// Most steps go forward; some go back, because a phone can be spoken twice in a row. Pairs of states are therefore
/// ranked by the difference between the counts of their two directions, and each pair in turn is added to the order
/// unless the pairs before it imply the opposite (ranked pairs, Tideman 1987).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateOrder {
    /// `[states]`: all states that come after this one, directly or later.
    after: Vec<BTreeSet<u16>>,
}

impl StateOrder {
    /// Infers the order of the states below `states` from these steps.
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

    /// `to` and its successors come after `from` and after the predecessors of `from`.
    fn put(&mut self, from: u16, to: u16) {
        let mut later = self.after[usize::from(to)].clone();
        later.insert(to);
        for (state, after) in (0u16..).zip(&mut self.after) {
            if state == from || after.contains(&from) {
                after.extend(&later);
            }
        }
    }

    /// Whether a step between two states of one phone goes back to an earlier state, which means that the phone is
    /// spoken again.
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
    fn a_rare_step_back_does_not_reverse_the_order_whatever_the_state_numbers() {
        // State 7 is first, 2 the middle, 5 the last; no state is skipped, and occasionally the phone is repeated.
        let steps = Steps::from([((7, 2), 50), ((2, 5), 49), ((5, 7), 3), ((7, 7), 9)]);
        let order = StateOrder::new(8, &steps);
        for (from, to) in [(5, 7), (5, 2), (2, 7)] {
            assert!(order.goes_back(from, to) && !order.goes_back(to, from), "{from} to {to}");
        }
        assert!(!order.goes_back(7, 7) && !order.goes_back(3, 7) && !order.goes_back(7, 3));
        assert!(!order.goes_back(200, 7) && !order.goes_back(7, 200));
    }

    #[test]
    fn states_visited_equally_often_in_both_directions_have_no_order() {
        let order = StateOrder::new(2, &Steps::from([((0, 1), 4), ((1, 0), 4)]));
        assert!(!order.goes_back(0, 1) && !order.goes_back(1, 0));
    }

    proptest! {
        #[test]
        fn the_order_has_no_cycles(
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
