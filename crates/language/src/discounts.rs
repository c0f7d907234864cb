//! What modified Kneser-Ney smoothing takes off each count.

use serde::Serialize;
use std::fmt;

/// The discounts of one order: D1, D2 and D3+ of Chen and Goodman 1998, section 3.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Discounts {
    /// D1, taken off the count 1.
    pub one: f64,
    /// D2, taken off the count 2.
    pub two: f64,
    /// D3+, taken off each count from 3 on.
    pub more: f64,
}

/// Why an order has [`Discounts::FALLBACK`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// No n-gram has this count, so a ratio of counts of counts has no value.
    NoCount(u64),
    /// The discount of this count is out of its range, which is above 0 and up to the count.
    OutOfRange(u64, f64),
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCount(count) => write!(f, "no n-gram has the count {count}"),
            Self::OutOfRange(count, discount) => {
                write!(f, "the discount of the count {count} would be {discount:.3}")
            }
        }
    }
}

impl Discounts {
    /// In place of discounts that cannot be estimated, because the text is small or repeats itself.
    pub const FALLBACK: Self = Self { one: 0.5, two: 1.0, more: 1.5 };

    /// From the numbers n1 to n4 of n-grams with the adjusted counts 1 to 4 (Chen and Goodman 1998, section 3):
    ///
    /// Y = n1 / (n1 + 2 n2), D1 = 1 − 2 Y n2 / n1, D2 = 2 − 3 Y n3 / n2, D3+ = 3 − 4 Y n4 / n3.
    ///
    /// # Errors
    /// Why they cannot be estimated.
    pub(crate) fn estimate(counts_of_counts: [u64; 4]) -> Result<Self, Fallback> {
        let [n1, n2, n3, n4] = counts_of_counts.map(|n| n as f64);
        for (count, n) in [(1, n1), (2, n2), (3, n3)] {
            if n == 0.0 {
                return Err(Fallback::NoCount(count));
            }
        }
        let y = n1 / (n1 + 2.0 * n2);
        let found = Self {
            one: 1.0 - 2.0 * y * n2 / n1,
            two: 2.0 - 3.0 * y * n3 / n2,
            more: 3.0 - 4.0 * y * n4 / n3,
        };
        for count in 1..=3 {
            let discount = found.of(count);
            if !(discount > 0.0 && discount <= count as f64) {
                return Err(Fallback::OutOfRange(count, discount));
            }
        }
        Ok(found)
    }

    /// The discount of a count.
    #[must_use]
    pub fn of(&self, count: u64) -> f64 {
        match count {
            0 => 0.0,
            1 => self.one,
            2 => self.two,
            _ => self.more,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discounts_follow_from_the_counts_of_counts() {
        let found = Discounts::estimate([100, 40, 20, 10]).unwrap();
        let y = 100.0 / 180.0;
        assert!((found.one - (1.0 - 2.0 * y * 0.4)).abs() < 1e-12);
        assert!((found.two - (2.0 - 3.0 * y * 0.5)).abs() < 1e-12);
        assert!((found.more - (3.0 - 4.0 * y * 0.5)).abs() < 1e-12);
        assert_eq!([0, 1, 2, 3, 9].map(|n| found.of(n)), [0.0, found.one, found.two, found.more, found.more]);
    }

    #[test]
    fn discounts_of_a_small_or_repetitive_text_say_why_they_cannot_be_estimated() {
        assert_eq!(Discounts::estimate([0, 5, 5, 5]), Err(Fallback::NoCount(1)));
        assert_eq!(Discounts::estimate([5, 5, 0, 0]), Err(Fallback::NoCount(3)));
        let repetitive = Discounts::estimate([100, 5, 50, 5]);
        assert!(matches!(repetitive, Err(Fallback::OutOfRange(2, discount)) if discount < 0.0));
    }
}
