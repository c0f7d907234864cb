//! What a recogniser has to know of aligned speech.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stentor_inventory::{Inventory, SenoneId};

/// Gives every output a prior above 0, also one that no frame has.
const PSEUDO_COUNT: f64 = 0.5;

/// How often each output of a model occurs in alignments, and how long phones last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// The fingerprint of the inventory that the outputs are of.
    pub inventory: String,
    /// Frames of each output, `[outputs]`.
    pub outputs: Vec<u64>,
    /// By the name of the phone.
    pub phones: BTreeMap<String, PhoneFrames>,
}

/// How often a phone was said, and how many frames it had in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhoneFrames {
    /// Uninterrupted stretches of frames.
    pub times: u64,
    /// Frames of all of them.
    pub frames: u64,
}

impl Statistics {
    /// No frame yet, of a model with these outputs.
    #[must_use]
    pub fn new(inventory: &Inventory) -> Self {
        Self {
            inventory: inventory.fingerprint(),
            outputs: vec![0; inventory.len()],
            phones: inventory.phones().map(|phone| (phone.to_owned(), PhoneFrames::default())).collect(),
        }
    }

    /// Adds the alignment of an utterance, `[frames]`. A phone that is said twice in a row counts once.
    ///
    /// # Errors
    /// [`Error::UnknownOutput`]; then nothing is added.
    pub fn add(&mut self, inventory: &Inventory, alignment: &[SenoneId]) -> Result<(), Error> {
        let outputs = self.outputs.len();
        let unknown = alignment.iter().position(|id| id.index() >= outputs.min(inventory.len()));
        if let Some(frame) = unknown {
            return Err(Error::UnknownOutput { frame, found: alignment[frame].index(), outputs });
        }
        let phone = |id: &SenoneId| inventory.get(*id).map(|senone| senone.phone.as_str());
        for said in alignment.chunk_by(|a, b| phone(a) == phone(b)) {
            for id in said {
                self.outputs[id.index()] = self.outputs[id.index()].saturating_add(1);
            }
            let Some(name) = said.first().and_then(phone) else { continue };
            let of_phone = self.phones.entry(name.to_owned()).or_default();
            of_phone.times = of_phone.times.saturating_add(1);
            of_phone.frames = of_phone.frames.saturating_add(said.len() as u64);
        }
        Ok(())
    }

    /// Frames of all outputs. Counts of a file may be any: a sum that is too large for 64 bits is the largest number.
    #[must_use]
    pub fn frames(&self) -> u64 {
        sum(self.outputs.iter().copied())
    }

    /// Checks that the counts are those of a model with so many outputs, and that there are any.
    ///
    /// # Errors
    /// [`Error::Counts`].
    pub fn check(&self, outputs: usize) -> Result<(), Error> {
        self.check_outputs(outputs)?;
        match self.frames() {
            0 => Err(Error::Counts { outputs, found: "no frame".to_owned() }),
            _ => Ok(()),
        }
    }

    pub(crate) fn check_outputs(&self, outputs: usize) -> Result<(), Error> {
        match self.outputs.len() {
            found if found == outputs => Ok(()),
            found => Err(Error::Counts { outputs, found: format!("those of {found}") }),
        }
    }

    /// Natural logarithms of the outputs' priors, `[outputs]`, with half a frame added to each output.
    ///
    /// # Errors
    /// [`Error::NoAlignment`] without any frame.
    pub fn log_priors(&self) -> Result<Vec<f32>, Error> {
        if self.frames() == 0 {
            return Err(Error::NoAlignment);
        }
        let total = self.outputs.iter().map(|&frames| frames as f64 + PSEUDO_COUNT).sum::<f64>();
        Ok(self.outputs.iter().map(|&frames| ((frames as f64 + PSEUDO_COUNT) / total).ln() as f32).collect())
    }

    /// How many frames a phone lasts in the mean, at least 1. A phone that was never said lasts as long as all others do in the
    /// mean.
    #[must_use]
    pub fn mean_frames(&self, phone: &str) -> f64 {
        let of_phone = self.phones.get(phone).copied().unwrap_or_default();
        let mean = |of: PhoneFrames| (of.times > 0).then(|| of.frames as f64 / of.times as f64);
        let all = || {
            let all = |of: fn(&PhoneFrames) -> u64| sum(self.phones.values().map(of));
            mean(PhoneFrames { times: all(|of| of.times), frames: all(|of| of.frames) })
        };
        mean(of_phone).or_else(all).unwrap_or(1.0).max(1.0)
    }
}

fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_inventory::Senone;

    fn inventory() -> Inventory {
        let state = |phone: &str, state| Senone::of_state(phone.to_owned(), state, &[]);
        Inventory::new(vec![state("SIL", 0), state("A", 0), state("A", 1), state("B", 0)]).unwrap()
    }

    #[test]
    fn an_output_that_never_occurs_has_a_small_prior_and_a_phone_that_never_occurs_the_mean_duration() {
        let inventory = inventory();
        let mut statistics = Statistics::new(&inventory);
        assert!(matches!(statistics.log_priors(), Err(Error::NoAlignment)));
        statistics.add(&inventory, &SenoneId::list([0, 0, 0, 1, 2, 2, 0])).unwrap();
        let priors: Vec<f32> = statistics.log_priors().unwrap().iter().map(|log| log.exp()).collect();
        let expected = [4.5, 1.5, 2.5, 0.5].map(|frames: f32| frames / 9.0);
        assert!(priors.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6));
        let means = ["SIL", "A", "B", "C"].map(|phone| statistics.mean_frames(phone));
        assert_eq!(means, [2.0, 3.0, 7.0 / 3.0, 7.0 / 3.0]);
    }

    #[test]
    fn an_alignment_with_an_output_that_the_model_lacks_names_the_frame_and_adds_nothing() {
        let inventory = inventory();
        let mut statistics = Statistics::new(&inventory);
        let error = statistics.add(&inventory, &SenoneId::list([1, 4])).unwrap_err();
        assert!(matches!(error, Error::UnknownOutput { frame: 1, found: 4, outputs: 4 }), "{error}");
        assert_eq!(statistics, Statistics::new(&inventory));
    }

    #[test]
    fn counts_whose_sum_is_too_large_give_priors_and_durations_all_the_same() {
        let inventory = inventory();
        let mut statistics = Statistics::new(&inventory);
        statistics.outputs[..2].fill(u64::MAX);
        for of_phone in statistics.phones.values_mut() {
            *of_phone = PhoneFrames { times: 0, frames: u64::MAX };
        }
        statistics.phones.insert("B".to_owned(), PhoneFrames { times: u64::MAX, frames: u64::MAX });
        assert_eq!(statistics.frames(), u64::MAX);
        let priors: Vec<f32> = statistics.log_priors().unwrap().iter().map(|log| log.exp()).collect();
        assert!(priors[..2].iter().all(|prior| (prior - 0.5).abs() < 1e-6), "{priors:?}");
        assert_eq!(["A", "B"].map(|phone| statistics.mean_frames(phone)), [1.0, 1.0]);
        statistics.add(&inventory, &SenoneId::list([0, 3])).unwrap();
        assert_eq!(statistics.outputs, [u64::MAX, u64::MAX, 0, 1]);
    }

    #[test]
    fn counts_of_another_number_of_outputs_and_counts_of_nothing_are_told_apart() {
        let inventory = inventory();
        let mut statistics = Statistics::new(&inventory);
        let told = |statistics: &Statistics| statistics.check(4).unwrap_err().to_string();
        let nothing =
            "`statistics` of the settings: expected counts of the model's 4 outputs, found no frame";
        assert!(told(&statistics).starts_with(nothing), "{}", told(&statistics));
        statistics.outputs = vec![1; 8];
        let others =
            "`statistics` of the settings: expected counts of the model's 4 outputs, found those of 8";
        assert!(told(&statistics).starts_with(others), "{}", told(&statistics));
        statistics.outputs = vec![0, 1, 0, 0];
        statistics.check(4).unwrap();
    }
}
