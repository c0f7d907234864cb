//! The senones of a model in the order of its outputs, as stored in manifests.

mod json;

use crate::{Error, MAX_SENONES, Senone, SenoneId};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// How a state was matched in the inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// The state exists.
    Exact(SenoneId),
    /// The state does not exist; this is the nearest state of the same phone, the lower one of two equally near.
    Nearest(SenoneId),
}

/// The senones of a model or a set in order; an id is an index into it. Names are unique. The inventory of data without
/// alignments is empty.
///
/// Senones of a tying tree name it. Inventories of two trees are different, even if their senones have the same names, so
/// sets and models of one tree are never mixed with those of another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    tree: Option<String>,
    senones: Vec<Senone>,
    /// Senones of each phone, by state.
    phones: BTreeMap<String, Vec<SenoneId>>,
}

impl Inventory {
    /// Creates the inventory of these senones in this order.
    ///
    /// # Errors
    /// [`Error::TooManySenones`], [`Error::RepeatedName`].
    pub fn new(senones: Vec<Senone>) -> Result<Self, Error> {
        if senones.len() > MAX_SENONES {
            return Err(Error::TooManySenones { found: senones.len() });
        }
        let mut names = HashMap::with_capacity(senones.len());
        let mut phones: BTreeMap<String, Vec<SenoneId>> = BTreeMap::new();
        for (number, senone) in (0..=u16::MAX).zip(&senones) {
            let id = SenoneId::new(number);
            if let Some(first) = names.insert(&senone.name, id) {
                return Err(Error::RepeatedName { name: senone.name.clone(), first, second: id });
            }
            phones.entry(senone.phone.clone()).or_default().push(id);
        }
        phones.values_mut().for_each(|ids| ids.sort_by_key(|id| senones[id.index()].state));
        Ok(Self { tree: None, senones, phones })
    }

    /// Creates the inventory of a tying tree's senones, where `tree` is its fingerprint: a blake3 hash, hexadecimal.
    ///
    /// # Errors
    /// As [`Inventory::new`]; [`Error::TreeFingerprint`].
    pub fn of_tree(senones: Vec<Senone>, tree: String) -> Result<Self, Error> {
        if tree.len() != 64 || !tree.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Error::TreeFingerprint { found: tree });
        }
        Ok(Self { tree: Some(tree), ..Self::new(senones)? })
    }

    /// Creates a senone for each state of a phone, in the order given; [`Senone::of_state`] documents the names.
    ///
    /// # Errors
    /// See [`Inventory::new`]; a repeated state is a repeated name.
    pub fn of_states(
        states: impl IntoIterator<Item = (String, u8)>,
        more_silence: &[String],
    ) -> Result<Self, Error> {
        let senone = |(phone, state)| Senone::of_state(phone, state, more_silence);
        Self::new(states.into_iter().map(senone).collect())
    }

    /// The fingerprint of the tying tree whose senones these are; `None` for senones without context, or of another program's
    /// tree.
    #[must_use]
    pub fn tree(&self) -> Option<&str> {
        self.tree.as_deref()
    }

    /// All senones in order of id.
    #[must_use]
    pub fn senones(&self) -> &[Senone] {
        &self.senones
    }

    /// Number of senones.
    #[must_use]
    pub fn len(&self) -> usize {
        self.senones.len()
    }

    /// Whether there are no senones.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.senones.is_empty()
    }

    /// Returns the senone with this id, or `None` if it is out of range.
    #[must_use]
    pub fn get(&self, id: SenoneId) -> Option<&Senone> {
        self.senones.get(id.index())
    }

    /// The names of all phones, in order.
    pub fn phones(&self) -> impl ExactSizeIterator<Item = &str> {
        self.phones.keys().map(String::as_str)
    }

    /// Returns the senones of a phone by state, or `None` if the phone is unknown.
    #[must_use]
    pub fn of_phone(&self, phone: &str) -> &[SenoneId] {
        self.phones.get(phone).map_or(&[], Vec::as_slice)
    }

    /// Returns the senone of a state, or of the nearest state of the same phone.
    ///
    /// # Errors
    /// [`Error::UnknownPhone`] if the phone does not occur in the inventory.
    pub fn find(&self, phone: &str, state: u8) -> Result<Match, Error> {
        let state_of = |id: &SenoneId| self.senones[id.index()].state;
        let nearest = self.of_phone(phone).iter().min_by_key(|id| state_of(id).abs_diff(state));
        let &id = nearest.ok_or_else(|| Error::UnknownPhone { phone: phone.to_owned() })?;
        Ok(if state_of(&id) == state { Match::Exact(id) } else { Match::Nearest(id) })
    }

    /// Returns the blake3 hash of its JSON form, in hexadecimal: equal for inventories whose ids mean the same.
    ///
    /// # Panics
    /// Never: strings, numbers and booleans can always be serialised.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let json = serde_json::to_vec(self).expect("strings, numbers and booleans can always be serialised");
        blake3::hash(&json).to_hex().to_string()
    }
}

impl fmt::Display for Inventory {
    /// `120 senones`, `300 senones of tree 0123456789ab`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} senones", self.len())?;
        match &self.tree {
            Some(tree) => write!(f, " of tree {}", tree.get(..12).unwrap_or(tree)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
