//! Alignment of two word sequences (Wagner & Fischer 1974).
//!
//! # Which alignment
//!
//! Each substitution, deletion and insertion costs 1, so S + D + I is the Levenshtein distance, as in `jiwer` and Kaldi's
//! `compute-wer`. Several alignments can be as short. Of these the one with the fewest substitutions is taken: with S + D + I
//! fixed it has the most words right, and it is the one that NIST's `sclite` prefers, whose weights are 4 for a substitution
//! and 3 for a deletion or an insertion. S, D and I are determined by this: D − I is the difference of the lengths.
//!
//! `sclite` minimises 4 S + 3 (D + I) alone. So its counts are the same wherever its alignment is one of the shortest.
//! Where it is not, `sclite` reports *more* errors: it takes three deletions and three insertions (18) for five
//! substitutions (20), and sometimes two of each (12) for three substitutions (12). This needs a repetition and a shift by
//! two words or more, and is rare in speech.
//!
//! Among alignments with the same counts, one is chosen from the end to the beginning. The last two words are paired if that
//! is possible; otherwise the last word of the hypothesis is inserted if that is possible; otherwise the last word of the
//! reference is deleted. So deletions come as early as possible: of `a a` against `a` the first is deleted. `sclite` chooses
//! in the same way.

use serde::{Deserialize, Serialize};

/// Cells of the largest table that is made: one byte for each pair of a word of the reference and one of the hypothesis. An
/// hour and a half of speech as one utterance reaches it.
pub const MAX_CELLS: usize = 1 << 28;

/// A step of an alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edit {
    /// A word of the reference and the same word of the hypothesis.
    Correct,
    /// A word of the reference and another word of the hypothesis.
    Substitution,
    /// A word of the reference alone.
    Deletion,
    /// A word of the hypothesis alone.
    Insertion,
}

/// Edits in the high half, substitutions in the low half, so that the smaller number is the better alignment.
type Cost = u64;
const GAP: Cost = 1 << 32;
const SUBSTITUTION: Cost = GAP + 1;

/// The alignment of `hypothesis` with `reference` that the module's documentation defines. Its steps, in order, take every
/// word of both once. `None` where the table would have more than [`MAX_CELLS`] cells.
#[must_use]
pub fn align<T: PartialEq>(reference: &[T], hypothesis: &[T]) -> Option<Vec<Edit>> {
    let columns = hypothesis.len() + 1;
    let cells = (reference.len() + 1).checked_mul(columns).filter(|cells| *cells <= MAX_CELLS);
    let mut steps = vec![Edit::Insertion; cells?];
    let mut costs: Vec<Cost> = (0..columns as Cost).map(|column| column * GAP).collect();
    for (row, expected) in reference.iter().enumerate() {
        let steps = &mut steps[(row + 1) * columns..][..columns];
        steps[0] = Edit::Deletion;
        let mut diagonal = costs[0];
        costs[0] += GAP;
        for (column, found) in hypothesis.iter().enumerate() {
            let (pair, paired) = match expected == found {
                true => (Edit::Correct, diagonal),
                false => (Edit::Substitution, diagonal + SUBSTITUTION),
            };
            diagonal = costs[column + 1];
            let (inserted, deleted) = (costs[column] + GAP, diagonal + GAP);
            let (step, cost) = if paired <= inserted && paired <= deleted {
                (pair, paired)
            } else if inserted <= deleted {
                (Edit::Insertion, inserted)
            } else {
                (Edit::Deletion, deleted)
            };
            (steps[column + 1], costs[column + 1]) = (step, cost);
        }
    }
    Some(trace(&steps, columns, reference.len(), hypothesis.len()))
}

/// The smallest number of substitutions, deletions and insertions between two sequences of words, each given as a number.
#[must_use]
pub fn distance(reference: &[u32], hypothesis: &[u32]) -> u64 {
    let mut row: Vec<u64> = (0..=hypothesis.len() as u64).collect();
    for expected in reference {
        let mut diagonal = row[0];
        row[0] += 1;
        for (column, found) in hypothesis.iter().enumerate() {
            let paired = diagonal + u64::from(expected != found);
            diagonal = row[column + 1];
            row[column + 1] = paired.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[hypothesis.len()]
}

/// Follows the steps from the end to the beginning.
fn trace(steps: &[Edit], columns: usize, mut row: usize, mut column: usize) -> Vec<Edit> {
    let mut edits = Vec::with_capacity(row.max(column));
    while row > 0 || column > 0 {
        let edit = steps[row * columns + column];
        row -= usize::from(edit != Edit::Insertion);
        column -= usize::from(edit != Edit::Deletion);
        edits.push(edit);
    }
    edits.reverse();
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::WordErrors;
    use proptest::prelude::*;

    /// The steps as letters, `.` where words agree.
    fn steps(reference: &str, hypothesis: &str) -> String {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let letter = |edit: &Edit| match edit {
            Edit::Correct => '.',
            Edit::Substitution => 'S',
            Edit::Deletion => 'D',
            Edit::Insertion => 'I',
        };
        align(&words(reference), &words(hypothesis)).unwrap().iter().map(letter).collect()
    }

    #[test]
    fn errors_are_told_apart() {
        assert_eq!(steps("a b c", "a x c d"), ".S.I");
        assert_eq!(steps("a b c", "b c"), "D..");
        assert_eq!(steps("", "a b"), "II");
        assert_eq!(steps("a b", ""), "DD");
        assert_eq!(steps("", ""), "");
    }

    #[test]
    fn of_equally_short_alignments_the_one_with_most_words_right_is_taken_and_gaps_come_early() {
        assert_eq!(steps("b a", "a b"), "D.I", "not two substitutions");
        assert_eq!(steps("a a", "a"), "D.");
        assert_eq!(steps("x y", "z"), "DS");
        assert_eq!(steps("a x y b", "a p b"), ".DS.");
    }

    #[test]
    fn three_substitutions_are_fewer_errors_than_two_deletions_and_two_insertions() {
        // By the weights 4, 3, 3 alone the gaps are as good, 12 and 12, or better, 18 against 20.
        assert_eq!(steps("a b a b c", "a b c p q"), "..SSS");
        assert_eq!(steps("a b c a b c x y", "a b c x y p q r"), "...SSSSS");
    }

    #[test]
    fn a_table_that_would_take_too_much_memory_is_refused() {
        let words = vec![0u8; 1 << 15];
        assert_eq!(align(&words, &words), None);
    }

    /// Fewest edits, and then fewest substitutions, by the textbook's recursion without a table.
    fn naive(reference: &[u8], hypothesis: &[u8]) -> (u64, u64) {
        match (reference, hypothesis) {
            ([], rest) | (rest, []) => (rest.len() as u64, 0),
            ([a, x @ ..], [b, y @ ..]) => {
                let (edits, substitutions) = naive(x, y);
                let wrong = u64::from(a != b);
                let gap = |(edits, substitutions)| (edits + 1, substitutions);
                let ways = [
                    (edits + wrong, substitutions + wrong),
                    gap(naive(x, hypothesis)),
                    gap(naive(reference, y)),
                ];
                ways.into_iter().min().unwrap()
            }
        }
    }

    fn some_words(longest: usize) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(0..3u8, 0..longest)
    }

    proptest! {
        #[test]
        fn errors_are_the_levenshtein_distance_with_the_fewest_substitutions(a in some_words(7), b in some_words(7)) {
            let found = WordErrors::of(&align(&a, &b).unwrap());
            prop_assert_eq!((found.errors(), found.substitutions), naive(&a, &b));
            let numbers = |words: &[u8]| words.iter().copied().map(u32::from).collect::<Vec<_>>();
            prop_assert_eq!(distance(&numbers(&a), &numbers(&b)), found.errors());
        }

        #[test]
        fn an_alignment_takes_every_word_of_both_sides_once(a in some_words(40), b in some_words(40)) {
            let (mut left, mut right) = (a.iter(), b.iter());
            for edit in align(&a, &b).unwrap() {
                match edit {
                    Edit::Correct => prop_assert_eq!(left.next().unwrap(), right.next().unwrap()),
                    Edit::Substitution => prop_assert_ne!(left.next().unwrap(), right.next().unwrap()),
                    Edit::Deletion => prop_assert!(left.next().is_some()),
                    Edit::Insertion => prop_assert!(right.next().is_some()),
                }
            }
            prop_assert_eq!((left.next(), right.next()), (None, None));
        }

        #[test]
        fn counts_account_for_both_lengths(a in some_words(40), b in some_words(40)) {
            let found = WordErrors::of(&align(&a, &b).unwrap());
            prop_assert_eq!(found.reference, a.len() as u64);
            prop_assert_eq!(found.reference - found.deletions + found.insertions, b.len() as u64);
        }
    }
}
