//! Sizes of feature sets, from their manifests.

use super::summaries::read;
use anyhow::Result;
use serde::Deserialize;
use std::path::Path;

/// The size of a feature set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SetSize {
    pub(crate) utterances: u64,
    pub(crate) frames: u64,
    pub(crate) frame_ms: u64,
}

impl std::fmt::Display for SetSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hours = (self.frames * self.frame_ms) as f64 / 3.6e6;
        write!(f, "{} utterances, {hours:.2} h", self.utterances)
    }
}

#[derive(Debug, Deserialize)]
struct Manifest {
    settings: Settings,
    shards: Vec<Shard>,
}

#[derive(Debug, Deserialize)]
struct Settings {
    hop_ms: u64,
    stack: u64,
}

#[derive(Debug, Deserialize)]
struct Shard {
    row_groups: Vec<RowGroup>,
}

#[derive(Debug, Deserialize)]
struct RowGroup {
    rows: u64,
    frames: u64,
}

/// The size of the set in `folder`.
pub(crate) fn size(folder: &Path) -> Result<SetSize> {
    let manifest: Manifest = read(&folder.join("manifest.json"))?;
    let groups = || manifest.shards.iter().flat_map(|shard| &shard.row_groups);
    Ok(SetSize {
        utterances: groups().map(|group| group.rows).sum(),
        frames: groups().map(|group| group.frames).sum(),
        frame_ms: manifest.settings.hop_ms * manifest.settings.stack,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_groups_of_all_shards_add_up() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = r#"{"settings": {"hop_ms": 10, "stack": 3, "mel_bins": 64}, "shards": [
            {"file": "a", "row_groups": [{"rows": 2, "frames": 100}, {"rows": 1, "frames": 50}]},
            {"file": "b", "row_groups": [{"rows": 4, "frames": 200}]}]}"#;
        std::fs::write(folder.path().join("manifest.json"), manifest).unwrap();
        assert_eq!(size(folder.path()).unwrap(), SetSize { utterances: 7, frames: 350, frame_ms: 30 });
    }
}
