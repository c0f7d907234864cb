//! The decoder's model besides the acoustics, estimated from alignments: which phone follows which, how long a phone
//! stays in its states, and how often each state occurs.

use crate::Error;
use stentor_inventory::{PhoneSet, SenoneId, StateOrder, Steps};

/// Pseudo-count that gives every event of a phone's model a probability above zero.
const PSEUDO_COUNT: f64 = 0.5;

/// Counts over alignments, accumulated one utterance at a time.
#[derive(Debug, Clone)]
pub struct PhoneStatistics<'a> {
    phones: &'a PhoneSet,
    frames: u64,
    occupancy: Vec<u64>,
    /// `[states]`: number of phones that began in this state after another phone.
    entries: Vec<u64>,
    /// `[states]`: number of phones that ended in this state before another phone.
    exits: Vec<u64>,
    /// Transitions within stretches of one phone, in which it may be spoken more than once.
    steps: Steps,
    /// `[phones + 1 × phones + 1]`: the last row is the utterance's start, the last column its end.
    follows: Vec<u64>,
}

impl<'a> PhoneStatistics<'a> {
    /// Creates empty counts.
    #[must_use]
    pub fn new(phones: &'a PhoneSet) -> Self {
        let (states, edges) = (phones.states().len(), phones.phones().len() + 1);
        Self {
            phones,
            frames: 0,
            occupancy: vec![0; states],
            entries: vec![0; states],
            exits: vec![0; states],
            steps: Steps::new(),
            follows: vec![0; edges * edges],
        }
    }

    /// Adds the alignment of one utterance, `[frames]`.
    ///
    /// # Errors
    /// [`Error::Inventory`] for an unknown senone, with the frame; then nothing is counted.
    pub fn add(&mut self, alignment: &[SenoneId]) -> Result<(), Error> {
        let states = self.phones.states_of(alignment)?;
        let (Some(&first), Some(&last)) = (states.first(), states.last()) else { return Ok(()) };
        self.frames += states.len() as u64;
        states.iter().for_each(|&state| self.occupancy[usize::from(state)] += 1);
        self.begins(None, first);
        for step in states.windows(2) {
            let (from, to) = (step[0], step[1]);
            if self.phones.phone_of(from) == self.phones.phone_of(to) {
                *self.steps.entry((from, to)).or_default() += 1;
            } else {
                self.exits[usize::from(from)] += 1;
                self.begins(Some(from), to);
            }
        }
        self.exits[usize::from(last)] += 1;
        let (phone, edges) = (usize::from(self.phones.phone_of(last)), self.phones.phones().len() + 1);
        self.follows[phone * edges + edges - 1] += 1;
        Ok(())
    }

    /// Counts a phone that begins in `state` after one that ended in `before`; `None`: at the start of the utterance.
    fn begins(&mut self, before: Option<u16>, state: u16) {
        let edges = self.phones.phones().len() + 1;
        let row = before.map_or(edges - 1, |before| usize::from(self.phones.phone_of(before)));
        self.follows[row * edges + usize::from(self.phones.phone_of(state))] += 1;
        self.entries[usize::from(state)] += 1;
    }

    /// Converts the counts to probabilities.
    ///
    /// # Errors
    /// [`Error::NoReference`] if no frame was counted.
    pub fn estimate(&self) -> Result<PhoneModel, Error> {
        if self.frames == 0 {
            return Err(Error::NoReference);
        }
        let states = self.phones.states().len();
        let order = StateOrder::new(states, &self.steps);
        let counted = self.with_repetitions(&order);
        let smooth = |count: u64| count as f64 + PSEUDO_COUNT;
        let mut model = PhoneModel {
            phones: self.phones.phones().len(),
            follows: counted.bigram(),
            entry: vec![0.0; states],
            exit: vec![0.0; states],
            moves: vec![Vec::new(); states],
            order,
            prior: Vec::new(),
        };
        for phone in self.phones.phones() {
            let begun: f64 = phone.states.clone().map(|s| smooth(counted.entries[s])).sum();
            for state in phone.states.clone() {
                model.entry[state] = (smooth(counted.entries[state]) / begun).ln() as f32;
            }
        }
        let mut left: Vec<f64> = counted.exits.iter().map(|&count| smooth(count)).collect();
        counted.steps.iter().for_each(|(&(from, _), &count)| left[usize::from(from)] += smooth(count));
        for (state, &count) in counted.exits.iter().enumerate() {
            model.exit[state] = (smooth(count) / left[state]).ln() as f32;
        }
        for (&(from, to), &count) in &counted.steps {
            model.moves[usize::from(to)].push((from, (smooth(count) / left[usize::from(from)]).ln() as f32));
        }
        let total = self.frames as f64 + PSEUDO_COUNT * states as f64;
        model.prior =
            self.occupancy.iter().map(|&n| ((n as f64 + PSEUDO_COUNT) / total).ln() as f32).collect();
        Ok(model)
    }

    /// Returns the counts with each step to an earlier state counted as the end of a phone and a repetition of the same
    /// phone. Every state has a step to itself.
    fn with_repetitions(&self, order: &StateOrder) -> Self {
        let mut counted = Self { steps: Steps::new(), ..self.clone() };
        for state in 0..self.phones.states().len() as u32 {
            counted.steps.insert((state as u16, state as u16), 0);
        }
        for (&(from, to), &count) in &self.steps {
            if order.goes_back(from, to) {
                let (phone, edges) = (usize::from(self.phones.phone_of(to)), self.phones.phones().len() + 1);
                counted.follows[phone * edges + phone] += count;
                counted.exits[usize::from(from)] += count;
                counted.entries[usize::from(to)] += count;
            } else {
                *counted.steps.entry((from, to)).or_default() += count;
            }
        }
        counted
    }

    /// Returns the bigram with the smoothing of Witten & Bell 1991 (method C), interpolated with a unigram:
    /// P(p | q) = (c(q p) + t(q) P(p)) / (c(q) + t(q)), where t(q) is the number of different followers of q.
    fn bigram(&self) -> Vec<f32> {
        let edges = self.phones.phones().len() + 1;
        let column = |p: usize| self.follows[p..].iter().step_by(edges).sum::<u64>() as f64 + PSEUDO_COUNT;
        let total: f64 = (0..edges).map(column).sum();
        let unigram: Vec<f64> = (0..edges).map(|p| column(p) / total).collect();
        let smooth = |row: &[u64]| {
            let (count, kinds) =
                (row.iter().sum::<u64>() as f64, row.iter().filter(|&&n| n > 0).count() as f64);
            let probability = |(&n, &p): (&u64, &f64)| match count + kinds {
                0.0 => p,
                weight => (n as f64 + kinds * p) / weight,
            };
            row.iter().zip(&unigram).map(|pair| probability(pair).ln() as f32).collect::<Vec<f32>>()
        };
        self.follows.chunks_exact(edges).flat_map(smooth).collect()
    }
}

/// Phone bigram, models of phones, and state priors; natural logarithms.
///
/// Which states of a phone follow which is estimated from annotated speech: a state may be followed by any state that
/// was observed after it, states may be skipped, and a phone may begin and end in any of them, because with frames of
/// 30 ms most phones are shorter than three frames.
#[derive(Debug, Clone, PartialEq)]
pub struct PhoneModel {
    pub(crate) phones: usize,
    /// `[phones + 1 × phones + 1]`: the last row is the start, the last column the end.
    pub(crate) follows: Vec<f32>,
    /// `[states]`: a phone begins in this state.
    pub(crate) entry: Vec<f32>,
    /// `[states]`: a phone ends in this state.
    pub(crate) exit: Vec<f32>,
    /// `[states]`: the states of the same phone from which it can be reached, including itself, in ascending order.
    pub(crate) moves: Vec<Vec<(u16, f32)>>,
    order: StateOrder,
    /// `[states]`: share of all frames.
    pub(crate) prior: Vec<f32>,
}

impl PhoneModel {
    /// Returns the phones of an alignment, including silence, one entry each time a phone is spoken: a new one begins
    /// where the phone changes, or where the same phone returns to an earlier state. `phones` must be those for which
    /// this model was estimated.
    ///
    /// # Errors
    /// [`Error::Inventory`] for an unknown senone, with the frame.
    pub fn phones_of(&self, phones: &PhoneSet, alignment: &[SenoneId]) -> Result<Vec<u16>, Error> {
        let states = phones.states_of(alignment)?;
        let goes_on = |&from: &u16, &to: &u16| {
            phones.phone_of(from) == phones.phone_of(to) && !self.order.goes_back(from, to)
        };
        Ok(states.chunk_by(goes_on).map(|segment| phones.phone_of(segment[0])).collect())
    }

    /// Returns ln P(`next` | `previous`) of two phones; `None` stands for the utterance's start or end. For phones
    /// beyond the last one the probability is zero.
    #[must_use]
    pub fn bigram(&self, previous: Option<u16>, next: Option<u16>) -> f32 {
        let edge = |phone: Option<u16>| phone.map_or(self.phones, usize::from);
        let (row, column) = (edge(previous), edge(next));
        if row.max(column) > self.phones {
            return f32::NEG_INFINITY;
        }
        self.follows[row * (self.phones + 1) + column]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone_set;
    use proptest::prelude::*;

    /// SIL with one state (0), A with three (1, 2, 3), B with two (4, 5).
    fn phones() -> PhoneSet {
        phone_set(&[("SIL", 0), ("A", 0), ("A", 1), ("A", 2), ("B", 0), ("B", 1)])
    }

    fn estimate(utterances: &[&[u16]]) -> PhoneModel {
        let phones = phones();
        let mut statistics = PhoneStatistics::new(&phones);
        utterances.iter().for_each(|u| statistics.add(SenoneId::of_column(u)).unwrap());
        statistics.estimate().unwrap()
    }

    #[test]
    fn frequent_events_are_likely_and_unseen_ones_are_possible() {
        let model = estimate(&[&[0, 0, 1, 2, 3, 4, 5, 0], &[0, 1, 3, 4, 0]]);
        assert!(model.bigram(Some(1), Some(2)) > 0.7_f32.ln(), "B always followed A");
        assert!(model.bigram(None, Some(0)) > 0.7_f32.ln(), "utterances began with silence");
        assert!(model.bigram(Some(0), None) > model.bigram(Some(2), None), "and ended in it");
        assert!(model.bigram(Some(2), Some(1)).is_finite(), "B then A was never seen");
        assert!(model.entry[1] > model.entry[2], "A began in its first state");
        let from = |state: usize| model.moves[state].iter().map(|(from, _)| *from).collect::<Vec<u16>>();
        assert_eq!(
            from(3),
            [1, 2, 3],
            "from its first and middle state, and from itself; not from another phone"
        );
        assert!(model.prior[0] > model.prior[5]);
    }

    #[test]
    fn a_phone_that_returns_to_its_first_state_is_spoken_twice_however_states_are_numbered() {
        // The same speech with the states of A numbered in three ways; B and silence are in between.
        for [first, middle, last] in [[1, 2, 3], [3, 1, 2], [2, 3, 1]] {
            let spoken = [0, first, first, middle, last, first, middle, last, last, 4, 5, 0];
            let plain = [0, first, middle, last, 4, 5, 0];
            let model = estimate(&[&spoken, &plain]);
            let found = model.phones_of(&phones(), SenoneId::of_column(&spoken)).unwrap();
            assert_eq!(found, [0, 1, 1, 2, 0], "{first} {middle} {last}");
            assert_eq!(phones().spoken(&found), [1, 1, 2]);
            assert!(model.bigram(Some(1), Some(1)) > model.bigram(Some(2), Some(2)), "A followed itself");
            assert!(model.entry[usize::from(first)] > model.entry[usize::from(last)]);
        }
    }

    #[test]
    fn without_a_frame_there_is_nothing_to_estimate() {
        let phones = phones();
        let mut statistics = PhoneStatistics::new(&phones);
        statistics.add(&[]).unwrap();
        assert_eq!(statistics.estimate(), Err(Error::NoReference));
        let unknown = statistics.add(&SenoneId::list([0, 99])).unwrap_err();
        assert!(unknown.to_string().contains("frame 1: senone 99"), "{unknown}");
        assert_eq!(statistics.estimate(), Err(Error::NoReference), "a bad utterance leaves no counts behind");
    }

    proptest! {
        #[test]
        fn every_distribution_sums_to_one(utterances in prop::collection::vec(prop::collection::vec(0..6u16, 1..20), 1..5)) {
            let model = estimate(&utterances.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let sum = |logs: &[f32]| logs.iter().map(|l| f64::from(l.exp())).sum::<f64>();
            for row in model.follows.chunks(4) {
                prop_assert!((sum(row) - 1.0).abs() < 1e-5);
            }
            prop_assert!((sum(&model.prior) - 1.0).abs() < 1e-5);
            for phone in phones().phones() {
                prop_assert!((sum(&model.entry[phone.states.clone()]) - 1.0).abs() < 1e-5);
                for state in phone.states.clone() {
                    let away = model.moves.iter().flatten().filter(|(from, _)| usize::from(*from) == state);
                    let leave = sum(&away.map(|(_, log)| *log).collect::<Vec<f32>>()) + f64::from(model.exit[state].exp());
                    prop_assert!((leave - 1.0).abs() < 1e-5);
                }
            }
        }
    }
}
