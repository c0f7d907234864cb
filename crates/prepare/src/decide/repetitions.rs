//! Where a phone ends and the same one begins again, in alignments that say states and times.

use std::collections::HashMap;
use stentor_audio::StateSpan;
use stentor_inventory::{StateOrder, Steps, is_silence};

/// What tells that a phone is spoken again.
#[derive(Debug)]
pub(crate) enum Repetitions {
    /// States are numbered left to right, each in a span of its own: a phone that was cut into thirds, an aligner's answer. A number
    /// that does not rise begins a phone.
    Numbered,
    /// Numbers are names, as of tied states: which of them come before which is learned from the annotated part.
    Named { states: HashMap<(String, u8), u16>, order: StateOrder },
}

impl Repetitions {
    /// What is said, a phone after the other, silence left out. `more_silence`: names of it beside those that are known.
    pub(crate) fn spoken(&self, spans: &[StateSpan], more_silence: &[String]) -> Vec<String> {
        let phones = spans.chunk_by(|a, b| a.phone == b.phone && !self.begins_again(a, b));
        let phones = phones.map(|spans| &spans[0].phone);
        phones.filter(|phone| !is_silence(phone, more_silence)).cloned().collect()
    }

    /// Whether the second of two spans of one phone begins it again.
    fn begins_again(&self, before: &StateSpan, after: &StateSpan) -> bool {
        match self {
            Self::Numbered => after.state <= before.state,
            Self::Named { states, order } => {
                let id = |span: &StateSpan| states.get(&(span.phone.clone(), span.state)).copied();
                id(before).zip(id(after)).is_some_and(|(before, after)| order.goes_back(before, after))
            }
        }
    }
}

/// Which state of a phone follows which, counted over alignments whose states are named.
#[derive(Debug, Default)]
pub(crate) struct StateSteps {
    states: HashMap<(String, u8), u16>,
    steps: Steps,
}

impl StateSteps {
    /// Counts the steps of one alignment.
    pub(crate) fn add(&mut self, spans: &[StateSpan]) {
        let mut id = |span: &StateSpan| {
            // More than ids can tell apart are refused with the inventory.
            let next = u16::try_from(self.states.len()).unwrap_or(u16::MAX);
            *self.states.entry((span.phone.clone(), span.state)).or_insert(next)
        };
        for pair in spans.windows(2).filter(|pair| pair[0].phone == pair[1].phone) {
            *self.steps.entry((id(&pair[0]), id(&pair[1]))).or_default() += 1;
        }
    }

    /// What follows from them.
    pub(crate) fn repetitions(self) -> Repetitions {
        let order = StateOrder::new(self.states.len(), &self.steps);
        Repetitions::Named { states: self.states, order }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(states: &[(&str, u8)]) -> Vec<StateSpan> {
        let span = |(place, &(phone, state)): (i64, &(&str, u8))| StateSpan {
            phone: phone.to_owned(),
            state,
            start: place * 10_000,
            end: (place + 1) * 10_000,
        };
        (0..).zip(states).map(span).collect()
    }

    #[test]
    fn a_phone_that_is_said_twice_is_two_whether_its_states_are_numbered_or_named() {
        let numbered =
            spans(&[("SIL", 0), ("A", 0), ("A", 1), ("A", 2), ("A", 0), ("A", 2), ("[noise]", 0), ("B", 1)]);
        assert_eq!(Repetitions::Numbered.spoken(&numbered, &[]), ["A", "A", "B"]);
        assert_eq!(Repetitions::Numbered.spoken(&numbered, &["B".to_owned()]), ["A", "A"]);
        // Tied states: A begins with 40 or 7, and ends in 12.
        let mut steps = StateSteps::default();
        for seen in [[("A", 40), ("A", 12), ("B", 3)], [("B", 3), ("A", 7), ("A", 12)]] {
            steps.add(&spans(&seen));
        }
        let named = steps.repetitions();
        let twice = spans(&[("A", 40), ("A", 12), ("A", 7), ("A", 12), ("B", 3), ("B", 9)]);
        assert_eq!(named.spoken(&twice, &[]), ["A", "A", "B"]);
    }
}
