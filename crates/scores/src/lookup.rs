//! Criteria by name.

use crate::{CRITERIA, Criterion};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// The names of all criteria, for messages.
const NAMES: [&str; CRITERIA.len()] = {
    let mut names = [""; CRITERIA.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = CRITERIA[place].name;
        place += 1;
    }
    names
};

impl Criterion {
    /// Looks a criterion up by its name in the experiment file.
    #[must_use]
    pub fn named(name: &str) -> Option<Criterion> {
        CRITERIA.into_iter().find(|criterion| criterion.name == name)
    }
}

/// Serialises the criterion as its name.
impl Serialize for Criterion {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for Criterion {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        Criterion::named(&name).ok_or_else(|| D::Error::unknown_variant(&name, &NAMES))
    }
}
