//! Silence between words, and the phone of sounds that are not words.

use super::LexiconError;
use crate::{PhoneId, PhoneTable};

/// Silence that may be spoken before the first word and after each word, and the noise phone as which marks in brackets are
/// spoken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptionalSilence {
    silence: PhoneId,
    noise: PhoneId,
    probability: f64,
}

impl OptionalSilence {
    /// Silence and noise as phones of a table; `probability` is that of silence at each place where it may be. Kaldi's
    /// recipes use 0.5.
    ///
    /// # Errors
    /// [`LexiconError::NoSuchPhone`], [`LexiconError::SilenceProbability`].
    pub fn new(
        phones: &PhoneTable,
        silence: &str,
        noise: &str,
        probability: f64,
    ) -> Result<Self, LexiconError> {
        if !(probability > 0.0 && probability < 1.0) {
            return Err(LexiconError::SilenceProbability { found: probability });
        }
        let find = |role, phone: &str| {
            phones.id(phone).ok_or_else(|| LexiconError::NoSuchPhone { role, phone: phone.to_owned() })
        };
        Ok(Self { silence: find("silence", silence)?, noise: find("noise", noise)?, probability })
    }

    /// The phone of silence.
    #[must_use]
    pub fn silence(&self) -> PhoneId {
        self.silence
    }

    /// The phone of sounds that are not words.
    #[must_use]
    pub fn noise(&self) -> PhoneId {
        self.noise
    }

    /// Natural logarithms of the probabilities of silence and of none, at each place where silence may be.
    #[must_use]
    pub fn log_probabilities(&self) -> (f64, f64) {
        (self.probability.ln(), (-self.probability).ln_1p())
    }
}
