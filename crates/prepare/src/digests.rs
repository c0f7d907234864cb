//! Digests of the recordings' files, to find identical ones.

use crate::decide::identical::Identical;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use stentor_audio::DataDirectory;

/// Compares digests of files that have the same length as another one. A file that cannot be read is left to the
/// decoder to report.
pub(crate) fn identical(data: &DataDirectory) -> Identical {
    let mut by_length: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (i, recording) in data.recordings.iter().enumerate() {
        // A pipe or device has no length, and reading it would consume the decoder's input.
        if let Ok(file) = recording.path.metadata()
            && file.is_file()
            && file.len() > 0
        {
            by_length.entry(file.len()).or_default().push(i);
        }
    }
    let suspects: Vec<usize> = by_length.into_values().filter(|same| same.len() > 1).flatten().collect();
    let digests: Vec<(usize, blake3::Hash)> =
        suspects.into_par_iter().filter_map(|i| Some((i, digest(&data.recordings[i].path).ok()?))).collect();
    let mut by_digest: HashMap<(blake3::Hash, Option<usize>), Vec<usize>> = HashMap::new();
    for (i, digest) in digests {
        // The channels of one file are different audio.
        by_digest.entry((digest, data.recordings[i].channel)).or_default().push(i);
    }
    let mut families: Vec<Vec<usize>> = by_digest.into_values().filter(|same| same.len() > 1).collect();
    families.iter_mut().for_each(|family| family.sort_unstable());
    families.sort_unstable();
    Identical::new(families)
}

fn digest(path: &Path) -> std::io::Result<blake3::Hash> {
    let mut hash = blake3::Hasher::new();
    std::io::copy(&mut std::fs::File::open(path)?, &mut hash)?;
    Ok(hash.finalize())
}
