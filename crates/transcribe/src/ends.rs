//! When an utterance has ended.

/// How much silence ends an utterance.
///
/// After `silence_ms − lead_ms` the end is a guess: whoever answers may begin to prepare. After `silence_ms` it is final. If
/// speech goes on in between, or the words change, the guess is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndSettings {
    /// Silence after the last word with which an utterance has ended, in milliseconds.
    pub silence_ms: u32,
    /// How long before the end is final it is guessed, in milliseconds. 0: never.
    pub lead_ms: u32,
}

impl Default for EndSettings {
    fn default() -> Self {
        Self { silence_ms: 600, lead_ms: 200 }
    }
}

/// What a frame means for the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing new.
    Continue,
    /// The utterance seems to have ended.
    Guess,
    /// The guess was wrong.
    TakeBack,
    /// The utterance has ended.
    End,
}

/// Decides from the silence after the last word. It knows no words and no clock.
#[derive(Debug, Clone)]
pub(crate) struct EndPointer {
    /// Frames of silence after which the end is guessed, and is final.
    guess: usize,
    end: usize,
    guessed: bool,
}

impl EndPointer {
    pub(crate) fn new(settings: EndSettings, frame_ms: u32) -> Self {
        let frames = |ms: u32| ms.div_ceil(frame_ms.max(1)).max(1) as usize;
        let EndSettings { silence_ms, lead_ms } = settings;
        let guess = if lead_ms == 0 { usize::MAX } else { frames(silence_ms.saturating_sub(lead_ms)) };
        Self { guess, end: frames(silence_ms), guessed: false }
    }

    /// The least number of silent frames that can mean anything.
    pub(crate) fn least(&self) -> usize {
        self.guess.min(self.end)
    }

    /// Takes the silence after the last word, in frames; 0 if somebody speaks, or nobody has spoken. `changed` says that the words
    /// are not those of the guess.
    pub(crate) fn observe(&mut self, silence: usize, changed: bool) -> Step {
        if self.guessed && (changed || silence < self.guess) {
            self.guessed = false;
            return Step::TakeBack;
        }
        if silence >= self.end {
            self.guessed = false;
            return Step::End;
        }
        if !self.guessed && silence >= self.guess {
            self.guessed = true;
            return Step::Guess;
        }
        Step::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pointer(silence_ms: u32, lead_ms: u32) -> EndPointer {
        EndPointer::new(EndSettings { silence_ms, lead_ms }, 30)
    }

    #[test]
    fn the_end_is_guessed_200_ms_before_it_is_final() {
        let mut pointer = pointer(600, 200);
        let steps: Vec<Step> = (0..=20).map(|silence| pointer.observe(silence, false)).collect();
        let at = |step| steps.iter().position(|found| *found == step).unwrap();
        // 14 frames are 420 ms, 20 are 600 ms.
        assert_eq!((at(Step::Guess), at(Step::End)), (14, 20));
        assert_eq!(steps.iter().filter(|step| **step == Step::Continue).count(), 19);
    }

    #[test]
    fn a_speaker_who_goes_on_takes_the_guess_back_and_so_do_other_words() {
        let mut pointer = pointer(600, 200);
        assert_eq!(pointer.observe(15, false), Step::Guess);
        assert_eq!(pointer.observe(0, false), Step::TakeBack);
        assert_eq!(pointer.observe(14, false), Step::Guess);
        assert_eq!(pointer.observe(15, true), Step::TakeBack);
        assert_eq!(pointer.observe(16, false), Step::Guess);
        assert_eq!(pointer.observe(20, false), Step::End);
    }

    #[test]
    fn without_a_lead_nothing_is_guessed() {
        let mut pointer = pointer(600, 0);
        assert!((0..20).all(|silence| pointer.observe(silence, false) == Step::Continue));
        assert_eq!(pointer.observe(20, false), Step::End);
        assert_eq!(pointer.least(), 20);
    }

    proptest! {
        #[test]
        fn every_guess_is_taken_back_or_becomes_final_before_the_next_one(
            (silence_ms, lead_ms) in (30u32..2_000, 0u32..2_500),
            frames in prop::collection::vec((0usize..90, any::<bool>()), 0..200),
        ) {
            let mut pointer = pointer(silence_ms, lead_ms);
            let mut open = false;
            for (silence, changed) in frames {
                let step = pointer.observe(silence, changed);
                match step {
                    Step::Guess => {
                        prop_assert!(!open);
                        open = true;
                    }
                    Step::TakeBack => prop_assert!(std::mem::take(&mut open)),
                    Step::End => {
                        prop_assert!(silence * 30 >= silence_ms as usize);
                        open = false;
                    }
                    Step::Continue => {}
                }
            }
        }
    }
}
