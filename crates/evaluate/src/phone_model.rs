//! What the decoder knows beside the acoustics, estimated from annotated alignments: which phone follows which, how long
//! a phone stays in its states, and how often each state occurs.

use crate::{Error, PhoneSet};

/// Pseudo-count that keeps every event of a phone's model possible.
const PSEUDO_COUNT: f64 = 0.5;

/// Counts over annotated alignments, gathered one utterance at a time.
#[derive(Debug, Clone)]
pub struct PhoneStatistics<'a> {
    phones: &'a PhoneSet,
    frames: u64,
    occupancy: Vec<u64>,
    /// `[states]`: phones that began in this state.
    entries: Vec<u64>,
    /// `[states]`: phones that ended in this state.
    exits: Vec<u64>,
    /// `[states × states]`: from a state to the same or a later one of the same phone, a frame later.
    moves: Vec<u64>,
    /// `[phones + 1 × phones + 1]`: the last row is the utterance's start, the last column its end.
    follows: Vec<u64>,
}

impl<'a> PhoneStatistics<'a> {
    /// No counts yet.
    #[must_use]
    pub fn new(phones: &'a PhoneSet) -> Self {
        let (states, edges) = (phones.states().len(), phones.phones().len() + 1);
        Self {
            phones,
            frames: 0,
            occupancy: vec![0; states],
            entries: vec![0; states],
            exits: vec![0; states],
            moves: vec![0; states * Self::reach(phones)],
            follows: vec![0; edges * edges],
        }
    }

    /// Most states that a phone has: the width of a row of `moves`, counted in steps ahead.
    fn reach(phones: &PhoneSet) -> usize {
        phones.phones().iter().map(|p| p.states.len()).max().unwrap_or(1)
    }

    /// Counts one utterance's alignment, senone ids `[frames]`.
    ///
    /// # Errors
    /// [`Error::UnknownSenone`] with the frame; then nothing was counted.
    pub fn add(&mut self, alignment: &[u16]) -> Result<(), Error> {
        let states = self.phones.states_of(alignment)?;
        if states.is_empty() {
            return Ok(());
        }
        self.frames += states.len() as u64;
        let (reach, edges) = (Self::reach(self.phones), self.phones.phones().len() + 1);
        let mut previous = edges - 1;
        for segment in self.phones.segments(&states) {
            let (first, last) = (usize::from(segment[0]), usize::from(segment[segment.len() - 1]));
            let phone = usize::from(self.phones.states()[first].phone);
            self.follows[previous * edges + phone] += 1;
            self.entries[first] += 1;
            self.exits[last] += 1;
            for &state in segment {
                self.occupancy[usize::from(state)] += 1;
            }
            for step in segment.windows(2) {
                self.moves[usize::from(step[0]) * reach + usize::from(step[1] - step[0])] += 1;
            }
            previous = phone;
        }
        self.follows[previous * edges + edges - 1] += 1;
        Ok(())
    }

    /// Turns the counts into probabilities.
    ///
    /// # Errors
    /// [`Error::NoReference`] where no frame was counted.
    pub fn estimate(&self) -> Result<PhoneModel, Error> {
        if self.frames == 0 {
            return Err(Error::NoReference);
        }
        let reach = Self::reach(self.phones);
        let states = self.phones.states().len();
        let mut model = PhoneModel {
            phones: self.phones.phones().len(),
            reach,
            follows: self.bigram(),
            entry: vec![0.0; states],
            exit: vec![0.0; states],
            moves: vec![f32::NEG_INFINITY; states * reach],
            prior: Vec::new(),
        };
        for phone in self.phones.phones() {
            let smooth = |count: u64| count as f64 + PSEUDO_COUNT;
            let begun: f64 = phone.states.clone().map(|s| smooth(self.entries[s])).sum();
            for state in phone.states.clone() {
                model.entry[state] = (smooth(self.entries[state]) / begun).ln() as f32;
                let ahead = state * reach..state * reach + (phone.states.end - state);
                let left: f64 = smooth(self.exits[state])
                    + self.moves[ahead.clone()].iter().map(|&n| smooth(n)).sum::<f64>();
                model.exit[state] = (smooth(self.exits[state]) / left).ln() as f32;
                for step in ahead {
                    model.moves[step] = (smooth(self.moves[step]) / left).ln() as f32;
                }
            }
        }
        let total = self.frames as f64 + PSEUDO_COUNT * states as f64;
        model.prior =
            self.occupancy.iter().map(|&n| ((n as f64 + PSEUDO_COUNT) / total).ln() as f32).collect();
        Ok(model)
    }

    /// Bigram with the smoothing of Witten & Bell 1991 (method C), interpolated with a unigram:
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

/// Phone bigram, left-to-right phone models that may skip states, and state priors; natural logarithms.
///
/// States may be skipped, and a phone may begin and end in any of them: with frames of 30 ms most phones are shorter
/// than three frames.
#[derive(Debug, Clone, PartialEq)]
pub struct PhoneModel {
    pub(crate) phones: usize,
    pub(crate) reach: usize,
    /// `[phones + 1 × phones + 1]`: last row from the start, last column to the end.
    pub(crate) follows: Vec<f32>,
    /// `[states]`: a phone begins here.
    pub(crate) entry: Vec<f32>,
    /// `[states]`: a phone ends here.
    pub(crate) exit: Vec<f32>,
    /// `[states × reach]`: to the state so many steps ahead; minus infinity past the phone's end.
    pub(crate) moves: Vec<f32>,
    /// `[states]`: share of all frames.
    pub(crate) prior: Vec<f32>,
}

impl PhoneModel {
    /// ln P(`next` | `previous`) of two phones; `None` stands for the utterance's start or end. Phones beyond the
    /// last one have no probability.
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
    use crate::SenoneLabel;
    use proptest::prelude::*;

    /// SIL with one state (0), A with three (1, 2, 3), B with two (4, 5).
    fn phones() -> PhoneSet {
        let senones = [("SIL", 0), ("A", 0), ("A", 1), ("A", 2), ("B", 0), ("B", 1)];
        PhoneSet::new(senones.map(|(phone, state)| SenoneLabel { phone, state, silence: phone == "SIL" }))
            .unwrap()
    }

    fn estimate(utterances: &[&[u16]]) -> PhoneModel {
        let phones = phones();
        let mut statistics = PhoneStatistics::new(&phones);
        utterances.iter().for_each(|u| statistics.add(u).unwrap());
        statistics.estimate().unwrap()
    }

    #[test]
    fn what_was_seen_often_is_likely_and_what_was_never_seen_is_possible() {
        let model = estimate(&[&[0, 0, 1, 2, 3, 4, 5, 0], &[0, 1, 3, 4, 0]]);
        assert!(model.bigram(Some(1), Some(2)) > 0.7_f32.ln(), "B always followed A");
        assert!(model.bigram(None, Some(0)) > 0.7_f32.ln(), "utterances began with silence");
        assert!(model.bigram(Some(0), None) > model.bigram(Some(2), None), "and ended in it");
        assert!(model.bigram(Some(2), Some(1)).is_finite(), "B then A was never seen");
        assert!(model.entry[1] > model.entry[2], "A began in its first state");
        assert!(
            model.moves[3 + 2].is_finite() && model.moves[5 * 3 + 1] == f32::NEG_INFINITY,
            "skip, but not out"
        );
        assert!(model.prior[0] > model.prior[5]);
    }

    #[test]
    fn without_a_frame_there_is_nothing_to_estimate() {
        let phones = phones();
        let mut statistics = PhoneStatistics::new(&phones);
        statistics.add(&[]).unwrap();
        assert_eq!(statistics.estimate(), Err(Error::NoReference));
        assert!(matches!(statistics.add(&[0, 99]), Err(Error::UnknownSenone { frame: 1, .. })));
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
                    let leave = sum(&model.moves[state * 3..state * 3 + 3]) + f64::from(model.exit[state].exp());
                    prop_assert!((leave - 1.0).abs() < 1e-5);
                }
            }
        }
    }
}
