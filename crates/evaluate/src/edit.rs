//! Edit distance: substitutions, insertions and deletions between two sequences.

use crate::frames::percent;
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Errors of recognised phones against a reference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneErrors {
    /// Phones of the reference.
    pub reference: u64,
    /// Reference phones recognised as another one.
    pub substitutions: u64,
    /// Recognised phones without a counterpart in the reference.
    pub insertions: u64,
    /// Reference phones without a counterpart among the recognised.
    pub deletions: u64,
}

impl PhoneErrors {
    /// Returns the fewest edits that turn `reference` into `hypothesis`. Among equally few, the alignment with the most
    /// substitutions counts, then the one with the most deletions: this does not depend on the direction of the search.
    #[must_use]
    pub fn compare<T: PartialEq>(reference: &[T], hypothesis: &[T]) -> Self {
        // A cell contains the fewest edits, then the fewest insertions + deletions, then the fewest insertions.
        type Cell = (u32, u32, u32);
        let insert = |(edits, gaps, insertions): Cell| (edits + 1, gaps + 1, insertions + 1);
        let delete = |(edits, gaps, insertions): Cell| (edits + 1, gaps + 1, insertions);
        let substitute = |(edits, gaps, insertions): Cell| (edits + 1, gaps, insertions);
        let mut row: Vec<Cell> =
            std::iter::successors(Some((0, 0, 0)), |&c| Some(insert(c))).take(hypothesis.len() + 1).collect();
        for expected in reference {
            let mut diagonal = row[0];
            row[0] = delete(row[0]);
            for (column, found) in hypothesis.iter().enumerate() {
                let matched = if expected == found { diagonal } else { substitute(diagonal) };
                diagonal = row[column + 1];
                row[column + 1] = matched.min(delete(diagonal)).min(insert(row[column]));
            }
        }
        let (edits, gaps, insertions) = row[hypothesis.len()];
        Self {
            reference: reference.len() as u64,
            substitutions: (edits - gaps).into(),
            insertions: insertions.into(),
            deletions: (gaps - insertions).into(),
        }
    }

    /// Returns the sum of substitutions, insertions and deletions.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.substitutions + self.insertions + self.deletions
    }

    /// Returns the phone error rate in percent, above 100 with many insertions; `None` without reference phones.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        percent(self.errors(), self.reference)
    }
}

impl AddAssign for PhoneErrors {
    fn add_assign(&mut self, other: Self) {
        self.reference += other.reference;
        self.substitutions += other.substitutions;
        self.insertions += other.insertions;
        self.deletions += other.deletions;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(reference: &str, hypothesis: &str) -> (u64, u64, u64) {
        let words = |s: &str| s.chars().collect::<Vec<_>>();
        let e = PhoneErrors::compare(&words(reference), &words(hypothesis));
        (e.substitutions, e.insertions, e.deletions)
    }

    #[test]
    fn errors_are_told_apart() {
        assert_eq!(counts("kitten", "sitting"), (2, 1, 0));
        assert_eq!(counts("sitting", "kitten"), (2, 0, 1));
        assert_eq!(counts("", "abc"), (0, 3, 0));
        assert_eq!(counts("abc", ""), (0, 0, 3));
        assert_eq!(counts("abc", "abc"), (0, 0, 0));
        assert_eq!(
            counts("ab", "ba"),
            (2, 0, 0),
            "two substitutions are preferred to an insertion and a deletion"
        );
    }

    #[test]
    fn a_rate_can_exceed_a_hundred_percent() {
        assert_eq!(PhoneErrors::compare(b"a", b"bcd").rate(), Some(300.0));
        assert_eq!(PhoneErrors::compare(b"", b"a").rate(), None);
    }

    /// The recursion of the textbook (Wagner & Fischer 1974), without a table.
    fn naive(reference: &[u8], hypothesis: &[u8]) -> u64 {
        match (reference, hypothesis) {
            ([], rest) | (rest, []) => rest.len() as u64,
            ([a, x @ ..], [b, y @ ..]) => {
                let edits =
                    [naive(x, y) + u64::from(a != b), naive(x, hypothesis) + 1, naive(reference, y) + 1];
                edits.into_iter().min().unwrap()
            }
        }
    }

    proptest! {
        #[test]
        fn the_distance_equals_the_textbooks(a in prop::collection::vec(0..3u8, 0..7), b in prop::collection::vec(0..3u8, 0..7)) {
            let found = PhoneErrors::compare(&a, &b);
            prop_assert_eq!(found.errors(), naive(&a, &b));
            // Every matched or substituted phone has a partner on both sides.
            prop_assert_eq!(found.reference - found.deletions, b.len() as u64 - found.insertions);
            prop_assert!(found.reference >= found.deletions + found.substitutions);
        }

        #[test]
        fn swapping_the_sides_swaps_insertions_and_deletions(a in prop::collection::vec(0..4u8, 0..30), b in prop::collection::vec(0..4u8, 0..30)) {
            let (there, back) = (PhoneErrors::compare(&a, &b), PhoneErrors::compare(&b, &a));
            prop_assert_eq!(
                (there.substitutions, there.insertions, there.deletions),
                (back.substitutions, back.deletions, back.insertions)
            );
        }
    }
}
