//! Recordings that are byte for byte the same under several names. What belongs to one of them belongs to all, or a test
//! would hold what was trained on.

use super::summary::Named;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use stentor_audio::DataDirectory;

/// Which recordings are the same sound.
#[derive(Debug, Default)]
pub(super) struct Identical {
    /// Places in [`DataDirectory::recordings`], two or more of each.
    families: Vec<Vec<usize>>,
}

impl Identical {
    /// Compares digests of the files that have a length in common with another. A file that cannot be read is left to
    /// those who decode it.
    pub(super) fn find(data: &DataDirectory) -> Self {
        let mut by_length: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (i, recording) in data.recordings.iter().enumerate() {
            // A pipe or device has no length, and reading it would take what the decoder needs.
            if let Ok(file) = recording.path.metadata()
                && file.is_file()
                && file.len() > 0
            {
                by_length.entry(file.len()).or_default().push(i);
            }
        }
        let suspects: Vec<usize> = by_length.into_values().filter(|same| same.len() > 1).flatten().collect();
        let digests: Vec<(usize, blake3::Hash)> = suspects
            .into_par_iter()
            .filter_map(|i| Some((i, digest(&data.recordings[i].path).ok()?)))
            .collect();
        let mut by_digest: HashMap<(blake3::Hash, Option<usize>), Vec<usize>> = HashMap::new();
        for (i, digest) in digests {
            // Channels of one file are different sound.
            by_digest.entry((digest, data.recordings[i].channel)).or_default().push(i);
        }
        let mut families: Vec<Vec<usize>> = by_digest.into_values().filter(|same| same.len() > 1).collect();
        families.iter_mut().for_each(|family| family.sort_unstable());
        families.sort_unstable();
        Self { families }
    }

    /// How many recordings another is the same as, and which: `a = b`.
    pub(super) fn named(&self, data: &DataDirectory) -> Named {
        let mut named = Named::default();
        for family in &self.families {
            let names: Vec<&str> = family.iter().map(|&i| data.recordings[i].id.as_str()).collect();
            named.add(&names.join(" = "));
        }
        named
    }

    /// For each utterance a name that it shares with all that must be in the same set: those whose `names` are equal, and
    /// those of identical recordings. The name is the first, in order, of those that were put together.
    pub(super) fn join<'a>(&self, data: &DataDirectory, names: &'a [String]) -> Vec<&'a str> {
        let mut heads: HashMap<&str, &str> = HashMap::new();
        fn head<'a>(heads: &HashMap<&'a str, &'a str>, mut name: &'a str) -> &'a str {
            while let Some(next) = heads.get(name) {
                name = next;
            }
            name
        }
        let mut family_of = HashMap::new();
        for (f, family) in self.families.iter().enumerate() {
            family_of.extend(family.iter().map(|&recording| (recording, f)));
        }
        let mut first: HashMap<usize, &str> = HashMap::new();
        for (utterance, name) in data.utterances.iter().zip(names) {
            let Some(&family) = family_of.get(&utterance.recording) else { continue };
            let (a, b) = (head(&heads, first.entry(family).or_insert(name)), head(&heads, name));
            if a != b {
                heads.insert(a.max(b), a.min(b));
            }
        }
        names.iter().map(|name| head(&heads, name)).collect()
    }
}

fn digest(path: &Path) -> std::io::Result<blake3::Hash> {
    let mut hash = blake3::Hasher::new();
    std::io::copy(&mut std::fs::File::open(path)?, &mut hash)?;
    Ok(hash.finalize())
}
