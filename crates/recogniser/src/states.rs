//! Outputs that are alternatives of one state.

use crate::Error;
use std::collections::BTreeMap;
use stentor_decode::AcousticScores;
use stentor_inventory::Inventory;

/// The states of phones, and the state of each output. Where the tree is not known by which states were tied, outputs of one state
/// cannot be told apart by context: the state's probability is their sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct States {
    /// The state of each output, `[outputs]`.
    of_output: Vec<u32>,
    count: usize,
}

impl States {
    /// The states of an inventory, and the numbers of those of each phone, in the order of state numbers.
    pub(crate) fn new(inventory: &Inventory) -> (Self, BTreeMap<String, Vec<u32>>) {
        let mut of_output = vec![0; inventory.len()];
        let (mut of_phone, mut count) = (BTreeMap::new(), 0);
        for phone in inventory.phones() {
            let mut own: Vec<u32> = Vec::new();
            let mut last = None;
            for id in inventory.of_phone(phone) {
                let state = inventory.get(*id).map(|senone| senone.state);
                if last.replace(state) != Some(state) {
                    own.push(count);
                    count += 1;
                }
                of_output[id.index()] = count - 1;
            }
            of_phone.insert(phone.to_owned(), own);
        }
        (Self { of_output, count: count as usize }, of_phone)
    }

    /// Number of states.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Adds the probabilities of each state's outputs: logarithms `[outputs]` become logarithms `[states]`.
    fn sum(&self, logs: &[f32], sums: &mut Vec<f32>) {
        let mut most = vec![f32::NEG_INFINITY; self.count];
        for (&state, &log) in self.of_output.iter().zip(logs) {
            let most = &mut most[state as usize];
            *most = most.max(log);
        }
        sums.clear();
        sums.resize(self.count, 0.0);
        for (&state, &log) in self.of_output.iter().zip(logs) {
            let most = most[state as usize];
            sums[state as usize] += if most == f32::NEG_INFINITY { 0.0 } else { (log - most).exp() };
        }
        sums.iter_mut().zip(most).for_each(|(sum, most)| *sum = most + sum.ln());
    }
}

/// Turns log posteriors of outputs into costs of what the search knows: outputs, or states of several outputs.
#[derive(Debug)]
pub(crate) struct Scores {
    acoustic: AcousticScores,
    outputs: usize,
    states: Option<States>,
}

impl Scores {
    /// `log_priors` are those of outputs.
    ///
    /// # Errors
    /// [`Error::Decode`] for a scale that is none, or a prior of 0.
    pub(crate) fn new(
        acoustic_scale: f64,
        prior_exponent: f64,
        log_priors: &[f32],
        states: Option<States>,
    ) -> Result<Self, Error> {
        let mut sums = Vec::new();
        let priors = match &states {
            Some(states) => {
                states.sum(log_priors, &mut sums);
                &sums[..]
            }
            None => log_priors,
        };
        let acoustic = AcousticScores::new(acoustic_scale as f32, prior_exponent as f32, priors)?;
        Ok(Self { acoustic, outputs: log_priors.len(), states })
    }

    /// Replaces the content of `costs` by those of one frame.
    ///
    /// # Errors
    /// As [`AcousticScores::costs`].
    pub(crate) fn costs(
        &self,
        frame: usize,
        log_posteriors: &[f32],
        costs: &mut Vec<f32>,
    ) -> Result<(), Error> {
        let Some(states) = &self.states else {
            return Ok(self.acoustic.costs(frame, log_posteriors, costs)?);
        };
        let found = log_posteriors.len();
        if found != self.outputs {
            let expected = self.outputs..=self.outputs;
            return Err(stentor_decode::Error::Width { frame, found, expected }.into());
        }
        if let Some(output) = log_posteriors.iter().position(|p| p.is_nan() || *p == f32::INFINITY) {
            let (what, found) = ("log posterior", log_posteriors[output]);
            return Err(stentor_decode::Error::Score { frame, output, what, found }.into());
        }
        let mut sums = Vec::new();
        states.sum(log_posteriors, &mut sums);
        Ok(self.acoustic.costs(frame, &sums, costs)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_inventory::Senone;

    /// Outputs 0 and 3 are state 1 of A; outputs 1 and 2 are state 0 of A and of B.
    fn inventory() -> Inventory {
        let state = |(place, &(phone, state)): (usize, &(&str, u8))| Senone {
            name: place.to_string(),
            ..Senone::of_state(phone.to_owned(), state, &[])
        };
        let outputs = [("A", 1), ("A", 0), ("B", 0), ("A", 1)];
        Inventory::new(outputs.iter().enumerate().map(state).collect()).unwrap()
    }

    #[test]
    fn probabilities_of_a_states_outputs_are_added_and_so_are_their_priors() {
        let (states, of_phone) = States::new(&inventory());
        assert_eq!((states.len(), &of_phone["A"][..], &of_phone["B"][..]), (3, &[0, 1][..], &[2][..]));
        let logs = |probabilities: [f32; 4]| probabilities.map(f32::ln);
        let scores = Scores::new(1.0, 1.0, &logs([0.1, 0.2, 0.4, 0.3]), Some(states)).unwrap();
        let mut costs = Vec::new();
        scores.costs(0, &logs([0.5, 0.125, 0.0, 0.375]), &mut costs).unwrap();
        let expected = [0.125 / 0.2, 0.875 / 0.4, 0.0].map(|ratio: f32| -ratio.ln());
        assert!((costs[0] - expected[0]).abs() < 1e-6 && (costs[1] - expected[1]).abs() < 1e-6, "{costs:?}");
        assert_eq!(costs[2], f32::INFINITY, "what is impossible stays so");
    }

    #[test]
    fn a_posterior_that_is_no_number_is_named_by_its_output() {
        let (states, _) = States::new(&inventory());
        let scores = Scores::new(1.0, 0.0, &[-1.0; 4], Some(states)).unwrap();
        let error = scores.costs(7, &[-1.0, -1.0, -1.0, f32::NAN], &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "frame 7, output 3: the log posterior is NaN");
        let error = scores.costs(7, &[-1.0; 3], &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "frame 7 has 3 scores, expected 4");
    }
}
