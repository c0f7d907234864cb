//! Rate and length of every recording: what the split goes by.

use std::collections::BTreeMap;
use stentor_audio::{DataDirectory, Extent, Micros, Utterance};

/// Share of the time that a sample rate needs before it narrows the mel range of the whole corpus. A few telephone
/// clips in a wide-band corpus shall not cost it its upper band.
const RATE_SHARE: f64 = 0.01;

/// What is known of a recording before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) rate_hz: u32,
    /// Of what is there, whatever the header states.
    pub(crate) duration: Micros,
}

/// One header per recording; none for bad files.
#[derive(Debug)]
pub(crate) struct Headers {
    pub(crate) recordings: Vec<Option<Header>>,
}

impl Headers {
    /// How long an utterance is; none where its recording is bad.
    pub(crate) fn duration(&self, utterance: &Utterance) -> Option<Micros> {
        let whole = self.recordings[utterance.recording]?.duration;
        Some(match utterance.extent {
            Extent::Whole => whole,
            Extent::Segment { start, end } => (end.unwrap_or(whole).min(whole) - start).max(0),
        })
    }

    /// A segment that reaches over the end of its recording, in words.
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

    /// Half the lowest rate that at least a hundredth of the time has.
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
