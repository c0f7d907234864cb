//! Frame error rate on phones.

use crate::{Error, Posteriors};
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;
use stentor_inventory::{PhoneSet, SenoneId};

/// Counts of frames and frame errors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameErrors {
    /// Number of frames scored.
    pub frames: u64,
    /// Number of these whose most likely phone is not the reference's.
    pub errors: u64,
    /// Number of frames whose reference is not silence.
    pub speech_frames: u64,
    /// Number of these whose most likely phone is not the reference's.
    pub speech_errors: u64,
}

impl FrameErrors {
    /// Scores one utterance: in each frame the posteriors are summed by phone, and the phone with the largest sum (the
    /// first of equal ones) is compared with that of the reference, an alignment, `[frames]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if lengths or phone sets differ, [`Error::Inventory`] for an unknown senone in the reference.
    pub fn score(phones: &PhoneSet, posteriors: &Posteriors, reference: &[SenoneId]) -> Result<Self, Error> {
        posteriors.check(phones)?;
        if reference.len() != posteriors.frames() {
            let what = "frames of the reference alignment";
            return Err(Error::Shape { what, expected: posteriors.frames(), found: reference.len() });
        }
        let reference = phones.states_of(reference)?;
        let mut probabilities = vec![0.0; phones.states().len()];
        let mut result = Self::default();
        for (frame, state) in reference.into_iter().enumerate() {
            posteriors.states_into(frame, phones, &mut probabilities);
            let expected = phones.states()[usize::from(state)].phone;
            let wrong = u64::from(most_likely(phones, &probabilities) != usize::from(expected));
            let speech = u64::from(!phones.is_silence(expected));
            result += Self { frames: 1, errors: wrong, speech_frames: speech, speech_errors: wrong * speech };
        }
        Ok(result)
    }

    /// Returns the frame error rate in percent; `None` without frames.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        percent(self.errors, self.frames)
    }

    /// Returns the frame error rate in percent over frames whose reference is not silence; `None` without such frames.
    #[must_use]
    pub fn speech_rate(&self) -> Option<f64> {
        percent(self.speech_errors, self.speech_frames)
    }
}

impl AddAssign for FrameErrors {
    fn add_assign(&mut self, other: Self) {
        self.frames += other.frames;
        self.errors += other.errors;
        self.speech_frames += other.speech_frames;
        self.speech_errors += other.speech_errors;
    }
}

fn most_likely(phones: &PhoneSet, states: &[f32]) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (index, phone) in phones.phones().iter().enumerate() {
        let sum: f32 = states[phone.states.clone()].iter().sum();
        if sum > best.1 {
            best = (index, sum);
        }
    }
    best.0
}

pub(crate) fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone_set;

    /// SIL with one state, A and B with two each.
    fn phones() -> PhoneSet {
        phone_set(&[("SIL", 0), ("A", 0), ("A", 1), ("B", 0), ("B", 1)])
    }

    fn score(posteriors: &Posteriors, reference: &[u16]) -> Result<FrameErrors, Error> {
        FrameErrors::score(&phones(), posteriors, SenoneId::of_column(reference))
    }

    fn dense(frames: &[[f32; 5]]) -> Posteriors {
        let ids = SenoneId::list(frames.iter().flat_map(|_| 0..5));
        let logs: Vec<f32> = frames.iter().flatten().map(|p| p.max(1e-9).ln()).collect();
        Posteriors::new(5, ids, &logs, &vec![0.0; frames.len()]).unwrap()
    }

    #[test]
    fn two_states_of_a_phone_outweigh_one_likelier_state_of_another() {
        let posteriors = dense(&[[0.0, 0.3, 0.3, 0.4, 0.0]]);
        let of = |senone| score(&posteriors, &[senone]).unwrap().errors;
        assert_eq!([of(1), of(2), of(3)], [0, 0, 1], "both states of A are right, B is wrong");
    }

    #[test]
    fn silence_counts_among_all_frames_but_not_among_speech() {
        let posteriors = dense(&[[1.0, 0.0, 0.0, 0.0, 0.0]; 4]);
        let score = score(&posteriors, &[0, 0, 0, 1]).unwrap();
        assert_eq!(score, FrameErrors { frames: 4, errors: 1, speech_frames: 1, speech_errors: 1 });
        assert_eq!((score.rate(), score.speech_rate()), (Some(25.0), Some(100.0)));
    }

    #[test]
    fn dropped_senones_count_with_their_share_of_the_residual_mass() {
        // A's only kept state has a lower probability than both of B's states with their share of the residual mass.
        let posteriors = Posteriors::new(5, SenoneId::list([1]), &[0.3_f32.ln()], &[0.7]).unwrap();
        assert_eq!(score(&posteriors, &[1]).unwrap().errors, 0, "0.3 + 0.175 against 0.35");
        let posteriors = Posteriors::new(5, SenoneId::list([1]), &[0.1_f32.ln()], &[0.9]).unwrap();
        assert_eq!(score(&posteriors, &[1]).unwrap().errors, 1, "0.1 + 0.225 against 0.45");
    }

    #[test]
    fn a_reference_of_another_length_or_phone_set_is_refused() {
        let posteriors = dense(&[[1.0, 0.0, 0.0, 0.0, 0.0]]);
        assert!(matches!(score(&posteriors, &[0, 0]), Err(Error::Shape { .. })));
        let other = phone_set(&[("A", 0)]);
        let reference = [SenoneId::new(0)];
        assert!(matches!(FrameErrors::score(&other, &posteriors, &reference), Err(Error::Shape { .. })));
        assert_eq!(FrameErrors::default().rate(), None, "nothing scored has no rate");
    }
}
