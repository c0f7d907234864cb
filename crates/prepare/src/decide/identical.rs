//! Recordings that are byte for byte the same under several names. What belongs to one of them belongs to all, or a test
//! would hold what was trained on.

use super::left_out::Named;
use std::collections::HashMap;
use stentor_audio::DataDirectory;

/// Which recordings are the same sound.
#[derive(Debug, Default)]
pub(crate) struct Identical {
    /// Places in [`DataDirectory::recordings`], two or more of each.
    families: Vec<Vec<usize>>,
}

impl Identical {
    /// `families` are places in [`DataDirectory::recordings`], in order, two or more of each.
    pub(crate) fn new(families: Vec<Vec<usize>>) -> Self {
        Self { families }
    }

    /// How many recordings another is the same as, and which: `a = b`.
    pub(crate) fn named(&self, data: &DataDirectory) -> Named {
        let mut named = Named::default();
        for family in &self.families {
            let names: Vec<&str> = family.iter().map(|&i| data.recordings[i].id.as_str()).collect();
            named.add(&names.join(" = "));
        }
        named
    }

    /// For each utterance a name that it shares with all that must be in the same set: those whose `names` are equal, and
    /// those of identical recordings. The name is the first, in order, of those that were put together.
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
