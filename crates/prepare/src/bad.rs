use crate::Error;
use std::collections::BTreeMap;

/// Recordings that cannot be used, and the limit on their number.
#[derive(Debug)]
pub(crate) struct BadFiles {
    recordings: usize,
    max_fraction: f64,
    reasons: BTreeMap<String, String>,
}

impl BadFiles {
    pub(crate) fn new(recordings: usize, max_fraction: f64) -> Self {
        Self { recordings, max_fraction, reasons: BTreeMap::new() }
    }

    /// Counts a recording once, even if it has several errors.
    pub(crate) fn note(&mut self, recording: &str, reason: String) {
        tracing::warn!(recording, reason, "left out: the recording cannot be used");
        self.reasons.entry(recording.to_owned()).or_insert(reason);
    }

    /// Counts a recording and checks the limit.
    ///
    /// # Errors
    /// See [`BadFiles::check`].
    pub(crate) fn add(&mut self, recording: &str, reason: String) -> Result<(), Error> {
        self.note(recording, reason);
        self.check()
    }

    /// Checks the number of bad recordings.
    ///
    /// # Errors
    /// If there are too many; the error lists them.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let bad = self.reasons.len();
        if bad as f64 <= self.max_fraction * self.recordings as f64 {
            return Ok(());
        }
        let list: Vec<String> =
            self.reasons.iter().take(20).map(|(id, why)| format!("  {id}: {why}")).collect();
        let more =
            if bad > list.len() { format!("\n  and {} more", bad - list.len()) } else { String::new() };
        Err(Error::TooManyBad {
            bad,
            recordings: self.recordings,
            allowed: self.max_fraction,
            list: list.join("\n") + &more,
        })
    }

    pub(crate) fn reasons(&self) -> &BTreeMap<String, String> {
        &self.reasons
    }
}
