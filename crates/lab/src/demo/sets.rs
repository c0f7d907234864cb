//! The demo's feature sets: where they are, and their sizes from their manifests.

use crate::runs;
use anyhow::Result;
use std::path::Path;

/// The folder of the sets that models are trained and evaluated on, in the demo's folder.
pub(crate) const TIED: &str = "tied";
/// The folder of the set in which all audio is annotated.
pub(crate) const TIED_ALL: &str = "tied-all";

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

/// The size of the set in `folder`.
pub(crate) fn size(folder: &Path) -> Result<SetSize> {
    let manifest = runs::features(folder)?;
    Ok(SetSize {
        utterances: manifest.utterances(),
        frames: manifest.frames(),
        frame_ms: u64::from(manifest.settings.hop_ms) * u64::from(manifest.settings.stack),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::tests::write_features;

    #[test]
    fn row_groups_of_all_shards_add_up() {
        let folder = tempfile::tempdir().unwrap();
        write_features(folder.path(), &[100, 50, 50, 150]);
        assert_eq!(size(folder.path()).unwrap(), SetSize { utterances: 4, frames: 350, frame_ms: 30 });
    }
}
