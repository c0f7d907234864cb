//! What can be chosen of a recogniser, and the record of how it was chosen.

use crate::{Error, Statistics};
use serde::{Deserialize, Serialize};
use stentor_decode::Options;

/// Schema version of settings files.
pub const SCHEMA_VERSION: u32 = 1;

/// Scales and limits. Costs are in nats. A path costs
///
/// acoustic_scale · Σ (−ln p(output | frame) + prior_exponent · ln p(output)) − ln p(words) + word_penalty · number of words
/// − ln p(pronunciations) − transition_scale · ln p(transitions) − ln p(pauses).
///
/// So the scale of the language model, as other programs have it, is 1 / acoustic_scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// [`SCHEMA_VERSION`] of the program that wrote them.
    pub schema_version: u32,
    /// What the acoustic model's log posteriors are multiplied by, above 0.
    pub acoustic_scale: f64,
    /// The part of the log priors that is subtracted from log posteriors: 1 is Bayes' rule, 0 leaves priors out.
    pub prior_exponent: f64,
    /// Cost of each word. Above 0 it makes words fewer and longer.
    pub word_penalty: f64,
    /// How probable a pause is before each word and at the end.
    pub pause_probability: f64,
    /// What log probabilities of transitions are multiplied by.
    pub transition_scale: f64,
    /// How much worse than the best of its frame a path may be.
    pub beam: f64,
    /// At most so many paths are followed.
    pub max_active: usize,
    /// How much worse than the best a path of the lattice may be.
    pub lattice_beam: f64,
    /// What costs are multiplied by before words' confidences are computed.
    pub posterior_scale: f64,
    /// By how much a phrase without a number of its own is boosted.
    pub boost: f64,
    /// How the scales were chosen; `None` if they are defaults, or were set by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned: Option<Tuned>,
    /// The aligned speech that priors and durations are from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistics: Option<Statistics>,
}

/// A record of tuning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuned {
    /// Location of the dev set.
    pub set: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Utterances used.
    pub utterances: u64,
    /// Utterances of the set that were not used: those without a text, and those beyond what tuning needs.
    #[serde(default, skip_serializing_if = "is_none")]
    pub not_used: u64,
    /// Words of their references.
    pub words: u64,
    /// Combinations of settings tried.
    pub tried: u64,
    /// Searches of the set; 0 if an earlier version tuned, which did not count them.
    #[serde(default, skip_serializing_if = "is_none")]
    pub searches: u64,
    /// Word errors with the settings chosen.
    pub errors: u64,
    /// The fewest word errors of any combination; an earlier version chose that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fewest: Option<u64>,
    /// Whether the combinations around the one chosen were all tried.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub is_settled: bool,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

fn yes() -> bool {
    true
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            acoustic_scale: 0.4,
            prior_exponent: 0.6,
            word_penalty: 0.0,
            pause_probability: 0.5,
            transition_scale: 0.3,
            beam: 14.0,
            max_active: 7_000,
            lattice_beam: 7.0,
            posterior_scale: 1.0,
            boost: 3.0,
            tuned: None,
            statistics: None,
        }
    }
}

pub(crate) const ABOVE_0: &str = "a number above 0, at most 1000000";
pub(crate) const ANY: &str = "a number from -1000000 to 1000000";
const FROM_0: &str = "a number from 0 to 1000000";

impl Settings {
    /// Checks all bounds.
    ///
    /// # Errors
    /// [`Error::SettingsVersion`], [`Error::Setting`].
    pub fn check(&self) -> Result<(), Error> {
        if self.schema_version != SCHEMA_VERSION {
            return Err(Error::SettingsVersion { expected: SCHEMA_VERSION, found: self.schema_version });
        }
        let positive = |number: f64| number > 0.0 && number <= 1e6;
        let any = |number: f64| number.abs() <= 1e6;
        let checks = [
            ("acoustic_scale", self.acoustic_scale, positive(self.acoustic_scale), ABOVE_0),
            ("prior_exponent", self.prior_exponent, any(self.prior_exponent), ANY),
            ("word_penalty", self.word_penalty, any(self.word_penalty), ANY),
            (
                "pause_probability",
                self.pause_probability,
                self.pause_probability > 0.0 && self.pause_probability < 1.0,
                "a number between 0 and 1, both excluded",
            ),
            ("transition_scale", self.transition_scale, (0.0..=1e6).contains(&self.transition_scale), FROM_0),
            ("beam", self.beam, positive(self.beam), ABOVE_0),
            ("max_active", self.max_active as f64, self.max_active > 0, "a number of at least 1"),
            ("lattice_beam", self.lattice_beam, (0.0..=1e6).contains(&self.lattice_beam), FROM_0),
            ("posterior_scale", self.posterior_scale, positive(self.posterior_scale), ABOVE_0),
            ("boost", self.boost, any(self.boost), ANY),
        ];
        match checks.into_iter().find(|(_, _, is_good, _)| !is_good) {
            Some((setting, found, _, expected)) => Err(Error::Setting { setting, expected, found }),
            None => Ok(()),
        }
    }

    /// The limits of a search; `open_frames` bounds the history of a stream.
    pub(crate) fn options(&self, open_frames: Option<usize>) -> Options {
        Options {
            beam: self.beam,
            max_active: self.max_active,
            lattice_beam: self.lattice_beam,
            open_frames,
            ..Options::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_their_json_and_unknown_keys_are_refused() {
        let settings = Settings { word_penalty: -0.5, ..Settings::default() };
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&json).unwrap(), settings);
        let odd = json.replace("word_penalty", "word_bonus");
        assert!(serde_json::from_str::<Settings>(&odd).unwrap_err().to_string().contains("word_bonus"));
    }

    #[test]
    fn a_setting_out_of_its_bounds_is_named() {
        let bad = [
            (Settings { acoustic_scale: 0.0, ..Settings::default() }, "acoustic_scale"),
            (Settings { prior_exponent: f64::NAN, ..Settings::default() }, "prior_exponent"),
            (Settings { pause_probability: 1.0, ..Settings::default() }, "pause_probability"),
            (Settings { max_active: 0, ..Settings::default() }, "max_active"),
            (Settings { lattice_beam: -1.0, ..Settings::default() }, "lattice_beam"),
        ];
        for (settings, name) in bad {
            let error = settings.check().unwrap_err();
            assert!(matches!(error, Error::Setting { setting, .. } if setting == name), "{error}");
        }
        let large = Settings { beam: 1e300, ..Settings::default() }.check().unwrap_err();
        assert_eq!(large.to_string(), "expected a number above 0, at most 1000000 for `beam`, found 1e300");
        let boost = Settings { boost: -1_000_001.0, ..Settings::default() }.check().unwrap_err();
        let told = "expected a number from -1000000 to 1000000 for `boost`, found -1000001";
        assert_eq!(boost.to_string(), told);
        let newer = Settings { schema_version: 2, ..Settings::default() };
        assert!(matches!(newer.check(), Err(Error::SettingsVersion { expected: 1, found: 2 })));
        assert!(Settings::default().check().is_ok());
    }
}
