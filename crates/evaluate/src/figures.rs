//! The figures of one evaluation, as `stentor evaluate --json` writes them and reports read them.

use crate::format::{count, decimal};
use crate::report::{Align, Rates, TextTable};
use crate::{DecoderSettings, Difference, FrameErrors, Measure, PhoneErrors, Scoreboard};
use serde::{Deserialize, Serialize};

/// Version of the format of [`Figures`]; increased by changes that older versions cannot read.
pub const FIGURES_VERSION: u32 = 1;

/// Figures for one system on one test set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Equal to [`FIGURES_VERSION`].
    pub schema_version: u32,
    /// Frame error rate, percent.
    pub fer: Option<f64>,
    /// Frame error rate over frames whose reference is not silence, percent.
    pub fer_speech: Option<f64>,
    /// Phone error rate, percent; absent if nothing was decoded.
    pub per: Option<f64>,
    /// Counts for the frame error rates.
    pub frames: FrameErrors,
    /// Counts for the phone error rate.
    pub phones: PhoneErrors,
    /// Reference of the phone error rate; absent if nothing was decoded, and in figures of older versions, which
    /// compared with the phones of frames.
    #[serde(default)]
    pub phone_reference: Option<PhoneReference>,
    /// Number of utterances scored.
    pub utterances: u64,
    /// Number of utterances without an alignment, which were skipped.
    pub unannotated: u64,
    /// Hours of audio scored.
    pub audio_hours: f64,
    /// Hours of audio that the model labels per second, measured by the labeler; absent if labels were given.
    pub audio_hours_per_s: Option<f64>,
    /// Settings of the decoder.
    pub decoder: Option<DecoderFigures>,
    /// Figures from the program `teacher-labeler`; absent if labels were given.
    pub labeler: Option<LabelerFigures>,
    /// Fingerprint of the test features: figures are comparable if it is equal.
    pub features_fingerprint: String,
    /// Fingerprint of the model.
    pub model_fingerprint: String,
    /// Differences from another system's figures.
    pub differences: Vec<MeasuredDifference>,
    /// Errors by group.
    pub by_group: Scoreboard,
}

/// The reference of recognised phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhoneReference {
    /// The phones of the alignment, at its own resolution.
    Alignment,
    /// The phones of the frames: those that contain the centre of a frame. A phone shorter than a frame may be missing,
    /// so that error rates are underestimated.
    Frames,
}

/// Decoder settings and how they were chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DecoderFigures {
    /// Settings used on the test set.
    pub settings: DecoderSettings,
    /// Number of combinations tried on dev; 0 if the defaults were used.
    pub tried: usize,
    /// Phone error rate on dev, percent.
    pub dev_per: Option<f64>,
}

/// Figures measured by the labeler.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LabelerFigures {
    /// Number of frames labeled.
    pub frames: u64,
    /// Time taken, seconds.
    pub seconds: f64,
    /// Frames per second.
    pub frames_per_s: f64,
    /// Hours of audio per second.
    pub audio_hours_per_s: f64,
    /// Size of the label shards in bytes.
    pub bytes: u64,
    /// Bytes per frame.
    pub bytes_per_frame: f64,
    /// Peak resident memory, MB.
    pub peak_rss_mb: f64,
}

/// A difference and its error rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeasuredDifference {
    /// The error rate.
    pub measure: Measure,
    /// Rates, difference and uncertainty.
    #[serde(flatten)]
    pub difference: Difference,
}

impl Figures {
    /// Returns the three error rates, for a report; words are scored apart.
    #[must_use]
    pub fn rates(&self) -> Rates {
        Rates { fer: self.fer, fer_speech: self.fer_speech, per: self.per, wer: None }
    }

    /// Fills `differences` with all error rates in which this system can be compared with `baseline`.
    #[must_use]
    pub fn against(mut self, baseline: &Figures, resamples: u32, seed: u64) -> Self {
        let compare = |measure| {
            let difference = self.by_group.compare(&baseline.by_group, measure, resamples, seed)?;
            Some(MeasuredDifference { measure, difference })
        };
        self.differences = Measure::ALL.into_iter().filter_map(compare).collect();
        self
    }

    /// Returns the figures as text for the terminal.
    #[must_use]
    pub fn to_text(&self) -> String {
        let whole = |n: u64| decimal(n as f64, 0);
        let plain = |text: String| text.replace('\u{a0}', " ");
        let mut text = format!(
            "frames: {} ({} h), utterances: {}, groups: {}\n",
            plain(count(self.frames.frames)),
            decimal(self.audio_hours, 2),
            whole(self.utterances),
            self.by_group.groups.len()
        );
        if self.unannotated > 0 {
            text += &format!("utterances left out, without an alignment: {}\n", whole(self.unannotated));
        }
        let mut table = TextTable::new(&[
            ("", Align::Left),
            ("errors", Align::Right),
            ("of", Align::Right),
            ("rate %", Align::Right),
        ]);
        let mut row = |name: &str, errors: u64, of: u64, rate: Option<f64>| {
            if let Some(rate) = rate {
                table.row([name.to_owned(), whole(errors), whole(of), decimal(rate, 2)]);
            }
        };
        let FrameErrors { frames, errors, speech_frames, speech_errors } = self.frames;
        row("frames", errors, frames, self.fer);
        row("speech frames", speech_errors, speech_frames, self.fer_speech);
        row("phones", self.phones.errors(), self.phones.reference, self.per);
        text += &format!("\n{}", table.render());
        if self.per.is_some() {
            let PhoneErrors { substitutions, insertions, deletions, .. } = self.phones;
            text += &format!(
                "\nphones: {} substituted, {} inserted, {} deleted\n",
                whole(substitutions),
                whole(insertions),
                whole(deletions)
            );
        }
        if self.phone_reference == Some(PhoneReference::Frames) {
            text += "phones are compared with those of the test set's frames, not with all phones of the alignment: the set was prepared \
                     by an earlier version; prepare it again with --replace\n";
        }
        if let Some(DecoderFigures { settings, tried, dev_per }) = self.decoder {
            let chosen = match dev_per {
                Some(per) => format!("best of {tried} on dev, PER {} %", decimal(per, 2)),
                None => "defaults, not tuned".to_owned(),
            };
            let DecoderSettings { acoustic_scale, phone_bonus, prior_exponent } = settings;
            text += &format!(
                "decoder: acoustic scale {acoustic_scale}, phone bonus {phone_bonus}, prior exponent {prior_exponent} ({chosen})\n"
            );
        }
        if let Some(speed) = self.audio_hours_per_s {
            text += &format!("speed: {} hours of audio a second\n", decimal(speed, 3));
        }
        for MeasuredDifference { measure, difference: d } in &self.differences {
            text += &format!(
                "{}: {} points against the baseline's {} %, 95 % interval {} to {}, p = {}\n",
                measure.name(),
                decimal(d.points, 2),
                decimal(d.baseline, 2),
                decimal(d.low, 2),
                decimal(d.high, 2),
                decimal(d.p_value, 4)
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Score;

    fn figures(errors: [u64; 3]) -> Figures {
        let mut by_group = Scoreboard::default();
        for (group, errors) in ["a", "b", "c"].into_iter().zip(errors) {
            let frames = FrameErrors { frames: 1000, errors, speech_frames: 800, speech_errors: errors };
            by_group.add(group, Score { frames, ..Score::default() });
        }
        let frames = by_group.total().frames;
        Figures {
            fer: frames.rate(),
            fer_speech: frames.speech_rate(),
            frames,
            by_group,
            ..Figures::default()
        }
    }

    #[test]
    fn the_text_contains_only_what_was_measured() {
        let text = figures([400, 500, 600]).to_text();
        assert!(text.contains("frames           1,500   3,000    50.00\n"), "{text}");
        assert!(text.contains("speech frames    1,500   2,400    62.50\n"), "{text}");
        assert!(!text.contains("phones") && !text.contains("decoder") && !text.contains("speed"), "{text}");
    }

    #[test]
    fn the_text_says_if_phones_are_compared_with_those_of_frames_only() {
        let of = |phone_reference| Figures { phone_reference, ..figures([400, 500, 600]) }.to_text();
        assert!(of(Some(PhoneReference::Frames)).contains("prepare it again with --replace"));
        assert!(!of(Some(PhoneReference::Alignment)).contains("prepare") && !of(None).contains("prepare"));
    }

    #[test]
    fn two_systems_are_compared_in_every_rate_that_both_have() {
        let found = figures([400, 500, 600]).against(&figures([450, 560, 640]), 1000, 1);
        let measures: Vec<Measure> = found.differences.iter().map(|d| d.measure).collect();
        assert_eq!(measures, [Measure::Frames, Measure::SpeechFrames]);
        assert!((found.differences[0].difference.points + 5.0).abs() < 1e-9);
        assert!(found.to_text().contains("−5.00 points against the baseline's 55.00 %"));
    }

    #[test]
    fn figures_read_back_from_json_are_the_same() {
        let figures = figures([400, 500, 600]).against(&figures([450, 560, 640]), 1000, 1);
        let json = serde_json::to_string(&figures).unwrap();
        assert_eq!(serde_json::from_str::<Figures>(&json).unwrap(), figures);
    }
}
