//! The phones of a lexicon or of a tying tree: their names, and an id for each.

use crate::{Error, PhoneId, is_silence};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::HashMap;

/// Most phones that a [`PhoneTable`] holds. The largest sets in use, with stress or tone and the position in a word, have
/// some hundreds.
pub const MAX_PHONES: usize = 4_096;

/// Names of phones in the order of their ids. Names are unique and not empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct PhoneTable {
    names: Vec<String>,
    ids: HashMap<String, PhoneId>,
}

impl PhoneTable {
    /// The table of these names in this order.
    ///
    /// # Errors
    /// [`Error::TooManyPhones`], [`Error::RepeatedPhone`], [`Error::PhoneName`].
    pub fn new(names: Vec<String>) -> Result<Self, Error> {
        if names.len() > MAX_PHONES {
            return Err(Error::TooManyPhones { found: names.len() });
        }
        let mut ids = HashMap::with_capacity(names.len());
        for (number, name) in (0u16..).zip(&names) {
            if name.is_empty() || name.contains(char::is_whitespace) {
                return Err(Error::PhoneName { phone: name.clone() });
            }
            if ids.insert(name.clone(), PhoneId::new(number)).is_some() {
                return Err(Error::RepeatedPhone { phone: name.clone() });
            }
        }
        Ok(Self { names, ids })
    }

    /// Number of phones.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no phone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names in the order of ids.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// All ids in order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = PhoneId> + use<> {
        // At most `MAX_PHONES`, by construction.
        (0..self.names.len() as u16).map(PhoneId::new)
    }

    /// The id of a name; none for a phone that is not there.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<PhoneId> {
        self.ids.get(name).copied()
    }

    /// The name of an id; none beyond the last phone.
    #[must_use]
    pub fn name(&self, id: PhoneId) -> Option<&str> {
        self.names.get(id.index()).map(String::as_str)
    }

    /// The phones that are silence or noise by [`is_silence`], in the order of ids.
    #[must_use]
    pub fn silence(&self, more: &[String]) -> Vec<PhoneId> {
        self.ids().filter(|id| is_silence(&self.names[id.index()], more)).collect()
    }
}

impl Serialize for PhoneTable {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.names.serialize(to)
    }
}

impl TryFrom<Vec<String>> for PhoneTable {
    type Error = Error;

    fn try_from(names: Vec<String>) -> Result<Self, Error> {
        Self::new(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(names: &[&str]) -> Result<PhoneTable, Error> {
        PhoneTable::new(names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn names_and_ids_lead_to_each_other() {
        let phones = table(&["SIL", "B", "AH"]).unwrap();
        for id in phones.ids() {
            assert_eq!(phones.id(phones.name(id).unwrap()), Some(id));
        }
        assert_eq!((phones.id("ah"), phones.name(PhoneId::new(3))), (None, None));
        assert_eq!(phones.silence(&["B".to_owned()]), [PhoneId::new(0), PhoneId::new(1)]);
    }

    #[test]
    fn a_table_that_cannot_tell_phones_apart_is_refused() {
        assert_eq!(table(&["A", "B", "A"]), Err(Error::RepeatedPhone { phone: "A".into() }));
        assert_eq!(table(&["A", ""]), Err(Error::PhoneName { phone: String::new() }));
        assert_eq!(table(&["A B"]), Err(Error::PhoneName { phone: "A B".into() }));
        let many = (0..=MAX_PHONES).map(|phone| phone.to_string()).collect();
        assert_eq!(PhoneTable::new(many), Err(Error::TooManyPhones { found: MAX_PHONES + 1 }));
    }
}
