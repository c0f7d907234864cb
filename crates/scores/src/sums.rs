use crate::Error;
use crate::registry::SUMS;
use std::collections::BTreeMap;

/// The largest number of sums accepted from another process.
pub const MAX_SUMS: usize = 64;
/// The longest name accepted from another process, in bytes.
pub const MAX_NAME_BYTES: usize = 40;

/// Named sums. Whole numbers below 2⁵³, and so all counts, are exact; other values are rounded in the order in which
/// they are added.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sums(BTreeMap<String, f64>);

impl Sums {
    /// All known sums, with nothing added. Their values are −0.0, the neutral element of `f64` addition, so that
    /// merging other sums into them preserves every bit.
    #[must_use]
    pub fn nothing() -> Self {
        Self(SUMS.into_iter().map(|name| (name.to_owned(), -0.0)).collect())
    }

    /// Validates sums received from another process.
    ///
    /// # Errors
    /// [`Error::TooMany`], checked before anything is allocated; [`Error::Name`] and [`Error::Twice`]. A value that is
    /// not finite is accepted, and the receiver decides what to do about it ([`Sums::not_finite`]).
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

    /// Adds each of the other sums to the sum of the same name.
    pub fn merge(&mut self, other: &Sums) {
        other.iter().for_each(|(name, value)| self.add(name, value));
    }

    /// Merges all others into these sums, in the order given.
    #[must_use]
    pub fn merged<'a>(self, others: impl IntoIterator<Item = &'a Sums>) -> Self {
        others.into_iter().fold(self, |mut sums, one| {
            sums.merge(one);
            sums
        })
    }

    /// Returns the sum with this name, if it was counted.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Returns the sum with this name as a whole number, 0 if it was not counted.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        // A negative number or NaN becomes 0.
        self.get(name).unwrap_or_default() as u64
    }

    /// Iterates over names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Whether there are no sums.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the first sum whose value is not finite.
    #[must_use]
    pub fn not_finite(&self) -> Option<(&str, f64)> {
        self.iter().find(|(_, value)| !value.is_finite())
    }

    /// Returns the mean of every sum over the count `name`; the mean of that count itself is 1.
    ///
    /// A mean is the sum times the reciprocal of the count, and the figures of rounds are computed from means because
    /// the event logs of all versions contain means. A quotient may differ in the last bit.
    #[must_use]
    pub fn means_over(&self, name: &str) -> Self {
        let reciprocal = 1.0 / self.get(name).unwrap_or_default().max(1.0);
        let mean =
            |(sum, value): (&str, f64)| (sum.to_owned(), if sum == name { 1.0 } else { value * reciprocal });
        Self(self.iter().map(mean).collect())
    }

    /// Returns the first sum whose two values differ by more than rounding: its name, its value here and its value in
    /// the other.
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

/// Whether the name is in kebab case and within the length limit.
fn is_name(name: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    name.len() <= MAX_NAME_BYTES && name.split('-').all(is_word)
}
