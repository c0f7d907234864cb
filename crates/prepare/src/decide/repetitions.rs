//! Finds where a phone ends and the same phone begins again, in alignments of states with times.

use std::collections::HashMap;
use stentor_audio::{Micros, StateSpan};
use stentor_inventory::{StateOrder, Steps, is_silence};
use stentor_shards::Span;

/// How a repetition of a phone is detected.
#[derive(Debug)]
pub(crate) enum Repetitions {
    /// States are numbered left to right, each in its own span: a phone cut into thirds, or an aligner's answer. A
    /// state number that does not increase begins a new phone.
    Numbered,
    /// State numbers are names, as for tied states: their order is inferred from the annotated part.
    Named { states: HashMap<(String, u8), u16>, order: StateOrder },
}

impl Repetitions {
    /// Returns the sequence of phones without silence. `more_silence` lists additional names of silence.
    pub(crate) fn spoken(&self, spans: &[StateSpan], more_silence: &[String]) -> Vec<Span> {
        let phones = spans.chunk_by(|a, b| a.phone == b.phone && !self.begins_again(a, b));
        let phones = phones.filter(|spans| !is_silence(&spans[0].phone, more_silence));
        phones.map(|spans| timed(&spans[0], &spans[spans.len() - 1])).collect()
    }

    /// Whether the second of two spans of one phone begins the phone again.
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

/// A phone from its first state to its last. Both ends are rounded, so that adjacent phones stay adjacent.
fn timed(first: &StateSpan, last: &StateSpan) -> Span {
    let milliseconds = |time: Micros| u32::try_from((time.max(0) + 500) / 1_000).unwrap_or(u32::MAX);
    let (start_ms, end_ms) = (milliseconds(first.start), milliseconds(last.end));
    Span { text: first.phone.clone(), start_ms, duration_ms: end_ms.saturating_sub(start_ms) }
}

/// Counts of transitions between the states of a phone, over alignments with named states.
#[derive(Debug, Default)]
pub(crate) struct StateSteps {
    states: HashMap<(String, u8), u16>,
    steps: Steps,
}

impl StateSteps {
    /// Counts the transitions of one alignment.
    pub(crate) fn add(&mut self, spans: &[StateSpan]) {
        let mut id = |span: &StateSpan| {
            // More states than ids can identify are rejected when the inventory is made.
            let next = u16::try_from(self.states.len()).unwrap_or(u16::MAX);
            *self.states.entry((span.phone.clone(), span.state)).or_insert(next)
        };
        for pair in spans.windows(2).filter(|pair| pair[0].phone == pair[1].phone) {
            *self.steps.entry((id(&pair[0]), id(&pair[1]))).or_default() += 1;
        }
    }

    /// Infers the order of states.
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
    fn a_phone_spoken_twice_is_two_phones_whether_its_states_are_numbered_or_named() {
        let numbered =
            spans(&[("SIL", 0), ("A", 0), ("A", 1), ("A", 2), ("A", 0), ("A", 2), ("[noise]", 0), ("B", 1)]);
        let said = |spans: Vec<Span>| spans.into_iter().map(|span| span.text).collect::<Vec<_>>();
        let phones = Repetitions::Numbered.spoken(&numbered, &[]);
        let times: Vec<(u32, u32)> = phones.iter().map(|span| (span.start_ms, span.duration_ms)).collect();
        assert_eq!(times, [(10, 30), (40, 20), (70, 10)]);
        assert_eq!(said(phones), ["A", "A", "B"]);
        assert_eq!(said(Repetitions::Numbered.spoken(&numbered, &["B".to_owned()])), ["A", "A"]);
        // Tied states: A begins with 40 or 7, and ends in 12.
        let mut steps = StateSteps::default();
        for seen in [[("A", 40), ("A", 12), ("B", 3)], [("B", 3), ("A", 7), ("A", 12)]] {
            steps.add(&spans(&seen));
        }
        let named = steps.repetitions();
        let twice = spans(&[("A", 40), ("A", 12), ("A", 7), ("A", 12), ("B", 3), ("B", 9)]);
        assert_eq!(said(named.spoken(&twice, &[])), ["A", "A", "B"]);
    }
}
