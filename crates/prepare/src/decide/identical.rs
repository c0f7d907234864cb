//! Recordings with identical bytes under several names. All of them must be in the same set; otherwise the test set
//! would contain training data.

use super::left_out::Named;
use std::collections::HashMap;
use stentor_audio::DataDirectory;

/// Groups of identical recordings.
#[derive(Debug, Default)]
pub(crate) struct Identical {
    /// Indices into [`DataDirectory::recordings`], at least two per group.
    families: Vec<Vec<usize>>,
}

impl Identical {
    /// `families` are ascending indices into [`DataDirectory::recordings`], at least two per family.
    pub(crate) fn new(families: Vec<Vec<usize>>) -> Self {
        Self { families }
    }

    /// Number of recordings that are identical to another one, with their names: `a = b`.
    pub(crate) fn named(&self, data: &DataDirectory) -> Named {
        let mut named = Named::default();
        for family in &self.families {
            let names: Vec<&str> = family.iter().map(|&i| data.recordings[i].id.as_str()).collect();
            named.add(&names.join(" = "));
        }
        named
    }

    /// Returns for each utterance a name that is equal for all that must be in the same set: those whose `names` are
    /// equal, and those of identical recordings. The name is the first one, in order, of those that were merged.
    pub(crate) fn join<'a>(&self, data: &DataDirectory, names: &'a [String]) -> Vec<&'a str> {
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
