use crate::Error;
use crate::registry::SUMS;
use std::collections::BTreeMap;

/// Most sums that are taken from another process.
pub const MAX_SUMS: usize = 64;
/// Longest name that is taken from another process, in bytes.
pub const MAX_NAME_BYTES: usize = 40;

/// Named sums. Values are exact as long as they are whole numbers below 2⁵³, which counts always are; other values are rounded
/// in the order in which they are added.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sums(BTreeMap<String, f64>);

impl Sums {
    /// Each known sum, of nothing at all. Its values are −0.0, the neutral element of `f64`'s addition: what is merged into it
    /// keeps all of its bits.
    #[must_use]
    pub fn nothing() -> Self {
        Self(SUMS.into_iter().map(|name| (name.to_owned(), -0.0)).collect())
    }

    /// Sums that another process sent.
    ///
    /// # Errors
    /// [`Error::TooMany`], before anything is allocated; [`Error::Name`] and [`Error::Twice`]. A value that is not finite is
    /// accepted: the receiver has to decide what it means ([`Sums::not_finite`]).
    pub fn received(sums: impl ExactSizeIterator<Item = (String, f64)>) -> Result<Self, Error> {
        if sums.len() > MAX_SUMS {
            return Err(Error::TooMany { most: MAX_SUMS, found: sums.len() });
        }
        let mut received = BTreeMap::new();
        for (name, value) in sums {
            if !is_name(&name) {
                let found = name[..name.floor_char_boundary(MAX_NAME_BYTES)].to_owned();
                return Err(Error::Name { most: MAX_NAME_BYTES, found });
            }
            if received.contains_key(&name) {
                return Err(Error::Twice { name });
            }
            received.insert(name, value);
        }
        Ok(Self(received))
    }

    /// Adds `value` to the sum of this name.
    pub fn add(&mut self, name: &str, value: f64) {
        match self.0.get_mut(name) {
            Some(sum) => *sum += value,
            None => {
                self.0.insert(name.to_owned(), value);
            }
        }
    }

    /// Adds the other sums to these, name by name.
    pub fn merge(&mut self, other: &Sums) {
        other.iter().for_each(|(name, value)| self.add(name, value));
    }

    /// These sums with all others merged into them, in the order given.
    #[must_use]
    pub fn merged<'a>(self, others: impl IntoIterator<Item = &'a Sums>) -> Self {
        others.into_iter().fold(self, |mut sums, one| {
            sums.merge(one);
            sums
        })
    }

    /// The sum of this name, if anything was counted under it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// The sum of this name as a whole number, 0 if nothing was counted under it.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        // A negative number or NaN becomes 0.
        self.get(name).unwrap_or_default() as u64
    }

    /// Names and values, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Whether there are none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first sum whose value is not finite.
    #[must_use]
    pub fn not_finite(&self) -> Option<(&str, f64)> {
        self.iter().find(|(_, value)| !value.is_finite())
    }

    /// The mean of every sum over the count `name`, whose own mean is 1.
    ///
    /// A mean is the sum times the reciprocal of the count, and the figures of rounds are computed from means, because those in
    /// the event logs of all versions are: a quotient may differ from it in the last bit.
    #[must_use]
    pub fn means_over(&self, name: &str) -> Self {
        let reciprocal = 1.0 / self.get(name).unwrap_or_default().max(1.0);
        let mean =
            |(sum, value): (&str, f64)| (sum.to_owned(), if sum == name { 1.0 } else { value * reciprocal });
        Self(self.iter().map(mean).collect())
    }

    /// The first sum in which the two differ by more than rounding: its name, its value here and its value there.
    #[must_use]
    pub fn difference<'a>(&'a self, other: &'a Sums) -> Option<(&'a str, f64, f64)> {
        let names = self.iter().chain(other.iter()).map(|(name, _)| name);
        let both = names.map(|name| {
            let value = |sums: &Sums| sums.get(name).unwrap_or_default();
            (name, value(self), value(other))
        });
        both.into_iter().find(|(_, one, other)| (one - other).abs() > 1e-9 * one.abs().max(other.abs()))
    }
}

/// Whether it is in kebab case and not too long.
fn is_name(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    name.len() <= MAX_NAME_BYTES && name.split('-').all(is_word)
}
