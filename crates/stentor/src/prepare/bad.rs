use anyhow::bail;
use std::collections::BTreeMap;

/// Recordings that cannot be used, and how many are still bearable.
#[derive(Debug)]
pub(super) struct BadFiles {
    recordings: usize,
    max_fraction: f64,
    reasons: BTreeMap<String, String>,
}

impl BadFiles {
    pub(super) fn new(recordings: usize, max_fraction: f64) -> Self {
        Self { recordings, max_fraction, reasons: BTreeMap::new() }
    }

    /// Counts a recording once, whatever is wrong with it.
    pub(super) fn note(&mut self, recording: &str, reason: String) {
        tracing::warn!(recording, reason, "left out: the recording cannot be used");
        self.reasons.entry(recording.to_owned()).or_insert(reason);
    }

    /// Counts a recording and checks.
    ///
    /// # Errors
    /// As [`BadFiles::check`].
    pub(super) fn add(&mut self, recording: &str, reason: String) -> anyhow::Result<()> {
        self.note(recording, reason);
        self.check()
    }

    /// # Errors
    /// When too many are bad; the error lists them.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let bad = self.reasons.len();
        if bad as f64 <= self.max_fraction * self.recordings as f64 {
            return Ok(());
        }
        let list: Vec<String> =
            self.reasons.iter().take(20).map(|(id, why)| format!("  {id}: {why}")).collect();
        let more =
            if bad > list.len() { format!("\n  and {} more", bad - list.len()) } else { String::new() };
        bail!(
            "{bad} of {} recordings cannot be used, more than the fraction of {} that --max-bad allows:\n{}{more}",
            self.recordings,
            self.max_fraction,
            list.join("\n")
        );
    }

    pub(super) fn reasons(&self) -> &BTreeMap<String, String> {
        &self.reasons
    }
}
