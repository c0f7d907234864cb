//! The model's posteriors of one utterance, as stored in label shards: the top k of each frame and the residual mass.

use crate::Error;
use stentor_inventory::{PhoneSet, SenoneId};

/// Lower bound of a posterior: a frame can make a state unlikely, but not impossible.
const FLOOR: f32 = 1e-10;

/// Half a step of the residual mass in label shards (1/65535): the largest value that is stored as zero.
const RESIDUAL_FLOOR: f32 = 0.5 / 65_535.0;

/// Top-k posteriors of one utterance. All arrays are row-major by frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Posteriors {
    senones: usize,
    top_k: usize,
    /// `[frames × top_k]`: ids of the kept senones.
    ids: Vec<SenoneId>,
    /// `[frames × top_k]`: their probabilities.
    kept: Vec<f32>,
    /// `[frames]`: probability of each senone that was not kept.
    rest: Vec<f32>,
}

impl Posteriors {
    /// Creates the posteriors of one utterance and checks them.
    ///
    /// `ids` and `log_probs` (natural logarithms) are `[frames × k]`, `residual` is `[frames]`: the probability
    /// outside the kept senones, spread evenly over them. `senones` is the number of the model's outputs.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Inventory`] for an unknown senone, [`Error::RepeatedSenone`] or [`Error::NotAProbability`], with the
    /// frame.
    pub fn new(
        senones: usize,
        ids: Vec<SenoneId>,
        log_probs: &[f32],
        residual: &[f32],
    ) -> Result<Self, Error> {
        let frames = residual.len();
        let top_k = ids.len().checked_div(frames).unwrap_or(0);
        let shape = |what, expected, found| Err(Error::Shape { what, expected, found });
        if ids.len() != frames * top_k || (frames > 0 && top_k == 0) {
            return shape("kept senones, a multiple of the frames", frames * top_k.max(1), ids.len());
        }
        if log_probs.len() != ids.len() {
            return shape("log-probabilities", ids.len(), log_probs.len());
        }
        let mut last_seen = vec![usize::MAX; senones];
        for (at, (&id, &value)) in ids.iter().zip(log_probs).enumerate() {
            let frame = at / top_k;
            let Some(seen) = last_seen.get_mut(id.index()) else {
                return Err(stentor_inventory::Error::UnknownSenone { frame, id, senones }.into());
            };
            if std::mem::replace(seen, frame) == frame {
                return Err(Error::RepeatedSenone { frame, id });
            }
            if !value.is_finite() || value > 1e-3 {
                return Err(Error::NotAProbability { frame, what: "log-probability", value });
            }
        }
        if let Some(frame) = residual.iter().position(|r| !(-1e-3..=1.001).contains(r)) {
            return Err(Error::NotAProbability { frame, what: "residual mass", value: residual[frame] });
        }
        let others = senones - top_k;
        let share =
            |&mass: &f32| if others == 0 { 0.0 } else { mass.clamp(RESIDUAL_FLOOR, 1.0) / others as f32 };
        Ok(Self {
            senones,
            top_k,
            ids,
            kept: log_probs.iter().map(|l| l.min(0.0).exp()).collect(),
            rest: residual.iter().map(share).collect(),
        })
    }

    /// Returns the number of frames of the utterance.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.rest.len()
    }

    /// Returns the number of the model's outputs.
    #[must_use]
    pub fn senones(&self) -> usize {
        self.senones
    }

    /// Writes the natural logarithms of all outputs' posteriors in one frame to `out`, `[senones]`, for a search of words.
    ///
    /// Senones that were not kept share the residual mass. None of them is more probable than the least probable one that was kept,
    /// as those that were kept are the most probable. No posterior is 0.
    ///
    /// # Panics
    /// If there is no such frame.
    pub fn log_into(&self, frame: usize, out: &mut [f32]) {
        let row = frame * self.top_k..(frame + 1) * self.top_k;
        let kept = &self.kept[row.clone()];
        let least = kept.iter().copied().fold(1.0, f32::min);
        let log = |probability: f32| probability.max(f32::MIN_POSITIVE).ln();
        out.fill(log(self.rest[frame].min(least)));
        for (id, &probability) in self.ids[row].iter().zip(kept) {
            if let Some(value) = out.get_mut(id.index()) {
                *value = log(probability);
            }
        }
    }

    /// Writes the probability of each state of `phones` in one frame to `out` (`[states]`): the sum over its senones,
    /// at least 1e-10.
    pub(crate) fn states_into(&self, frame: usize, phones: &PhoneSet, out: &mut [f32]) {
        let rest = self.rest[frame];
        for (value, state) in out.iter_mut().zip(phones.states()) {
            *value = rest * state.senones as f32;
        }
        let row = frame * self.top_k..(frame + 1) * self.top_k;
        for (&id, &probability) in self.ids[row.clone()].iter().zip(&self.kept[row]) {
            // Every id was checked against the number of senones; callers check that the phone set has the same number.
            let state = phones.state_of(id).map_or(0, usize::from);
            out[state] += probability - rest;
        }
        for value in out.iter_mut() {
            *value = value.max(FLOOR);
        }
    }

    /// Checks that this utterance belongs to `phones`.
    pub(crate) fn check(&self, phones: &PhoneSet) -> Result<(), Error> {
        if self.senones == phones.senones() {
            return Ok(());
        }
        Err(Error::Shape {
            what: "senones of the posteriors",
            expected: phones.senones(),
            found: self.senones,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone_set;

    fn four_phones() -> PhoneSet {
        phone_set(&[("A", 0), ("B", 0), ("C", 0), ("D", 0)])
    }

    #[test]
    fn senones_that_were_not_kept_share_the_residual_mass() {
        let posteriors =
            Posteriors::new(4, SenoneId::list([2, 0]), &[0.5_f32.ln(), 0.3_f32.ln()], &[0.2]).unwrap();
        let mut states = [0.0; 4];
        posteriors.states_into(0, &four_phones(), &mut states);
        for (found, expected) in states.iter().zip([0.3, 0.1, 0.5, 0.1]) {
            assert!((found - expected).abs() < 1e-6, "{states:?}");
        }
    }

    #[test]
    fn a_search_gets_a_logarithm_of_every_output() {
        let ids = SenoneId::list([2, 0, 1, 3]);
        let logs = [0.5_f32.ln(), 0.3_f32.ln(), 0.0, -20.0];
        let posteriors = Posteriors::new(4, ids, &logs, &[0.2, 0.0]).unwrap();
        let mut all = [0.0; 4];
        posteriors.log_into(0, &mut all);
        for (found, expected) in all.iter().zip([0.3_f32, 0.1, 0.5, 0.1]) {
            assert!((found - expected.ln()).abs() < 1e-5, "{all:?}");
        }
        // A residual mass is stored in steps of 1/65535: what was not kept would be more probable than what was.
        posteriors.log_into(1, &mut all);
        assert!(all.iter().zip([-20.0, 0.0, -20.0, -20.0]).all(|(a, b)| (a - b).abs() < 1e-4), "{all:?}");
    }

    #[test]
    fn if_all_senones_are_kept_a_wrong_residual_changes_nothing() {
        let ln = |p: f32| p.ln();
        let posteriors = Posteriors::new(2, SenoneId::list([1, 0]), &[ln(0.9), ln(0.1)], &[0.5]).unwrap();
        let phones = phone_set(&[("A", 0), ("B", 0)]);
        let mut states = [0.0; 2];
        posteriors.states_into(0, &phones, &mut states);
        assert!((states[0] - 0.1).abs() < 1e-6 && (states[1] - 0.9).abs() < 1e-6, "{states:?}");
    }

    #[test]
    fn a_residual_rounded_to_zero_makes_no_state_impossible() {
        let posteriors = Posteriors::new(4, SenoneId::list([0]), &[0.0], &[0.0]).unwrap();
        let mut states = [0.0; 4];
        posteriors.states_into(0, &four_phones(), &mut states);
        assert!(states[1] > 1e-7 && states[1] < 1e-4, "{states:?}");
    }

    #[test]
    fn each_malformed_label_is_named() {
        let new = |ids: &[u16], logs: &[f32], residual: &[f32]| {
            Posteriors::new(4, SenoneId::of_column(ids).to_vec(), logs, residual)
        };
        let unknown = |frame, id| stentor_inventory::Error::UnknownSenone { frame, id, senones: 4 };
        assert_eq!(
            new(&[0, 9], &[-0.1, -3.0], &[0.0; 2]),
            Err(Error::Inventory(unknown(1, SenoneId::new(9))))
        );
        let id = SenoneId::new(1);
        assert_eq!(new(&[1, 1], &[-0.1, -3.0], &[0.0]), Err(Error::RepeatedSenone { frame: 0, id }));
        assert!(matches!(new(&[1], &[f32::NAN], &[0.0]), Err(Error::NotAProbability { frame: 0, .. })));
        assert!(matches!(
            new(&[1], &[0.5], &[0.0]),
            Err(Error::NotAProbability { what: "log-probability", .. })
        ));
        assert!(matches!(
            new(&[1], &[-0.5], &[f32::NAN]),
            Err(Error::NotAProbability { what: "residual mass", .. })
        ));
        assert!(matches!(
            new(&[1, 2, 3], &[-1.0; 3], &[0.0; 2]),
            Err(Error::Shape { expected: 2, found: 3, .. })
        ));
        assert!(matches!(new(&[1, 2], &[-1.0], &[0.0]), Err(Error::Shape { what: "log-probabilities", .. })));
        assert!(matches!(new(&[], &[], &[0.0]), Err(Error::Shape { .. })));
        assert!(new(&[], &[], &[]).unwrap().frames() == 0);
    }
}
