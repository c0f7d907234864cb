//! Sample rate and length of every recording, on which the split is based.

use std::collections::BTreeMap;
use stentor_audio::{DataDirectory, Extent, Micros, Utterance};

/// Minimum share of the time for a sample rate to limit the mel range of the whole corpus: a few telephone clips in a
/// wide-band corpus must not remove its upper band.
const RATE_SHARE: f64 = 0.01;

/// Facts about a recording before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) rate_hz: u32,
    /// Of the audio that exists, whatever the header states.
    pub(crate) duration: Micros,
}

/// One header per recording; `None` for bad files.
#[derive(Debug)]
pub(crate) struct Headers {
    pub(crate) recordings: Vec<Option<Header>>,
}

impl Headers {
    /// Length of an utterance; `None` if its recording is bad.
    pub(crate) fn duration(&self, utterance: &Utterance) -> Option<Micros> {
        let whole = self.recordings[utterance.recording]?.duration;
        Some(match utterance.extent {
            Extent::Whole => whole,
            Extent::Segment { start, end } => (end.unwrap_or(whole).min(whole) - start).max(0),
        })
    }

    /// Describes a segment that extends past the end of its recording.
    pub(crate) fn beyond(&self, utterance: &Utterance, data: &DataDirectory) -> String {
        let seconds = |time: Micros| time as f64 / 1e6;
        let whole = self.recordings[utterance.recording].map_or(0, |header| header.duration);
        let (start, end) = match utterance.extent {
            Extent::Segment { start, end } => (start, end.unwrap_or(whole)),
            Extent::Whole => (0, whole),
        };
        format!(
            "segments, line {}: from {} to {} s, but the recording `{}` is {} s long",
            utterance.line,
            seconds(start),
            seconds(end),
            data.recordings[utterance.recording].id,
            seconds(whole)
        )
    }

    /// Seconds of audio at each rate.
    pub(crate) fn seconds_by_rate(&self) -> BTreeMap<u32, f64> {
        let mut seconds = BTreeMap::new();
        for header in self.recordings.iter().flatten() {
            *seconds.entry(header.rate_hz).or_insert(0.0) += header.duration as f64 / 1e6;
        }
        seconds
    }

    /// Returns half the lowest rate with at least a hundredth of the time.
    pub(crate) fn nyquist_hz(&self) -> Option<f32> {
        let seconds = self.seconds_by_rate();
        let total: f64 = seconds.values().sum();
        let mut up_to = 0.0;
        let reached = |(_, s): &(&u32, &f64)| {
            up_to += **s;
            up_to >= RATE_SHARE * total
        };
        seconds.iter().find(reached).map(|(&rate_hz, _)| rate_hz as f32 / 2.0)
    }
}
