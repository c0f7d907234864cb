//! A first look at every recording: rate and length, before anything is decided.

use super::bad::BadFiles;
use super::interrupt::go_on;
use super::ordered::ordered;
use std::collections::BTreeMap;
use stentor_audio::{DataDirectory, Decoder, Error, Extent, Micros, Recording, Utterance};
use stentor_runtime::Shutdown;

/// Share of the time that a sample rate needs before it narrows the mel range of the whole corpus. A few telephone
/// clips in a wide-band corpus shall not cost it its upper band.
const RATE_SHARE: f64 = 0.01;

/// What is known of a recording before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) rate_hz: u32,
    /// Of what is there, whatever the header states.
    pub(super) duration: Micros,
}

/// One header per recording; none for bad files.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) headers: Vec<Option<Header>>,
}

impl Scan {
    /// Looks at all recordings; of files with several channels at the one with this number, if any.
    ///
    /// # Errors
    /// When more files are bad than bearable, or a signal asks for the end.
    pub(super) fn run(
        data: &DataDirectory,
        channel: Option<usize>,
        threads: usize,
        bad: &mut BadFiles,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Self> {
        let mut headers = Vec::with_capacity(data.recordings.len());
        let read = |(): &mut (), recording: &Recording| look(recording, channel);
        ordered(
            &data.recordings,
            threads,
            1_024,
            || (),
            read,
            |recording, header| {
                match header {
                    Ok(header) => headers.push(Some(header)),
                    Err(error) => {
                        bad.note(&recording.id, error.to_string());
                        headers.push(None);
                    }
                }
                go_on(shutdown)
            },
        )?;
        bad.check()?;
        Ok(Self { headers })
    }

    /// How long an utterance is; none where its recording is bad.
    pub(super) fn duration(&self, utterance: &Utterance) -> Option<Micros> {
        let whole = self.headers[utterance.recording]?.duration;
        Some(match utterance.extent {
            Extent::Whole => whole,
            Extent::Segment { start, end } => (end.unwrap_or(whole).min(whole) - start).max(0),
        })
    }

    /// A segment that reaches over the end of its recording, in words.
    pub(super) fn beyond(&self, utterance: &Utterance, data: &DataDirectory) -> String {
        let seconds = |time: Micros| time as f64 / 1e6;
        let whole = self.headers[utterance.recording].map_or(0, |header| header.duration);
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
    pub(super) fn seconds_by_rate(&self) -> BTreeMap<u32, f64> {
        let mut seconds = BTreeMap::new();
        for header in self.headers.iter().flatten() {
            *seconds.entry(header.rate_hz).or_insert(0.0) += header.duration as f64 / 1e6;
        }
        seconds
    }

    /// Half the lowest rate that at least a hundredth of the time has.
    pub(super) fn nyquist_hz(&self) -> Option<f32> {
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

fn look(recording: &Recording, channel: Option<usize>) -> Result<Header, Error> {
    let decoder = Decoder::open(&recording.path)?.choosing(recording.channel.or(channel))?;
    let rate_hz = decoder.rate_hz();
    let samples = decoder.count_samples()?;
    if samples == 0 {
        return Err(Error::NoSamples);
    }
    let micros = u128::from(samples) * 1_000_000 / u128::from(rate_hz);
    Ok(Header { rate_hz, duration: micros.min(1 << 50) as Micros })
}
