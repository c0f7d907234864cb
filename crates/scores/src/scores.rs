use crate::{Criterion, REPORTED, Sums};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt;

/// The [reported](REPORTED) values that can be computed from the available sums.
///
/// In files they are the entries of a map, in the order of the registry: `{"loss": 1.5, "frame_error": 44.2}`, usually
/// flattened into the map of the object that they describe. A reader ignores unknown keys and accepts missing criteria,
/// so each version can read the files of earlier and later versions.
#[derive(Clone, Copy, PartialEq, Default)]
pub struct Scores([Option<f64>; REPORTED.len()]);

impl Scores {
    /// Each reported value.
    #[must_use]
    pub fn of(sums: &Sums) -> Self {
        Self(REPORTED.map(|criterion| (criterion.of)(sums)))
    }

    /// Returns the value of one criterion.
    #[must_use]
    pub fn get(&self, criterion: Criterion) -> Option<f64> {
        self.iter().find_map(|(known, value)| (known == criterion).then_some(value))
    }

    /// Returns a copy with the value of `criterion` set.
    #[must_use]
    pub fn with(mut self, criterion: Criterion, value: f64) -> Self {
        for (known, place) in REPORTED.into_iter().zip(&mut self.0) {
            if known == criterion {
                *place = Some(value);
            }
        }
        self
    }

    /// Iterates over criteria and values in the order of the registry.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Criterion, f64)> {
        REPORTED.into_iter().zip(self.0).filter_map(|(criterion, value)| Some((criterion, value?)))
    }
}

impl fmt::Debug for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(criterion, value)| (criterion.name, value))).finish()
    }
}

impl Serialize for Scores {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for (criterion, value) in self.iter() {
            map.serialize_entry(&criterion.key(), &value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Scores {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Scores;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of scores")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Scores, M::Error> {
                let mut scores = Scores::default();
                while let Some(key) = map.next_key::<String>()? {
                    match REPORTED.into_iter().find(|criterion| criterion.key() == key) {
                        Some(criterion) => scores = scores.with(criterion, map.next_value()?),
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(scores)
            }
        }

        from.deserialize_map(Keys)
    }
}
