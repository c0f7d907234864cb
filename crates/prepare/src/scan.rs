//! Determines rate and length of every recording, before anything is decided.

use crate::Error;
use crate::bad::BadFiles;
use crate::decide::headers::{Header, Headers};
use crate::interrupt::go_on;
use crate::ordered::ordered;
use stentor_audio::{DataDirectory, Decoder, Micros, Recording};
use stentor_runtime::Shutdown;

/// Scans all recordings; for files with several channels, the channel with this number, if given.
///
/// # Errors
/// If too many files are bad, or a signal requests termination.
pub(crate) fn scan(
    data: &DataDirectory,
    channel: Option<usize>,
    threads: usize,
    bad: &mut BadFiles,
    shutdown: &Shutdown,
) -> Result<Headers, Error> {
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
    Ok(Headers { recordings: headers })
}

fn look(recording: &Recording, channel: Option<usize>) -> Result<Header, stentor_audio::Error> {
    let decoder = Decoder::open(&recording.path)?.choosing(recording.channel.or(channel))?;
    let rate_hz = decoder.rate_hz();
    let samples = decoder.count_samples()?;
    if samples == 0 {
        return Err(stentor_audio::Error::NoSamples);
    }
    let micros = u128::from(samples) * 1_000_000 / u128::from(rate_hz);
    Ok(Header { rate_hz, duration: micros.min(1 << 50) as Micros })
}
