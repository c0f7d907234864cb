use crate::frames::percent;
use crate::words::Edit;
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Errors of recognised words against a reference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordErrors {
    /// Words of the reference.
    pub reference: u64,
    /// Reference words recognised as another one.
    pub substitutions: u64,
    /// Reference words without a counterpart in the hypothesis.
    pub deletions: u64,
    /// Words of the hypothesis without a counterpart in the reference.
    pub insertions: u64,
}

impl WordErrors {
    /// Counts the edits of an alignment.
    #[must_use]
    pub fn of(edits: &[Edit]) -> Self {
        let count = |wanted: Edit| edits.iter().filter(|edit| **edit == wanted).count() as u64;
        let (substitutions, deletions) = (count(Edit::Substitution), count(Edit::Deletion));
        let reference = count(Edit::Correct) + substitutions + deletions;
        Self { reference, substitutions, deletions, insertions: count(Edit::Insertion) }
    }

    /// Substitutions, deletions and insertions together.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.substitutions + self.deletions + self.insertions
    }

    /// Word error rate in percent, above 100 where insertions abound. `None` without words in the reference: nothing said
    /// has no error rate, and 0 would read as a good one.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        percent(self.errors(), self.reference)
    }
}

impl AddAssign for WordErrors {
    fn add_assign(&mut self, other: Self) {
        self.reference += other.reference;
        self.substitutions += other.substitutions;
        self.deletions += other.deletions;
        self.insertions += other.insertions;
    }
}

/// Errors on some utterances, in words and in utterances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordScore {
    /// Errors of words.
    #[serde(flatten)]
    pub words: WordErrors,
    /// Utterances scored.
    pub utterances: u64,
    /// Of these, utterances with an error.
    pub wrong_utterances: u64,
}

impl WordScore {
    /// One utterance with these errors.
    #[must_use]
    pub fn of(words: WordErrors) -> Self {
        Self { words, utterances: 1, wrong_utterances: u64::from(words.errors() > 0) }
    }

    /// Share of utterances with an error, in percent; `None` without utterances.
    #[must_use]
    pub fn wrong_rate(&self) -> Option<f64> {
        percent(self.wrong_utterances, self.utterances)
    }
}

impl AddAssign for WordScore {
    fn add_assign(&mut self, other: Self) {
        self.words += other.words;
        self.utterances += other.utterances;
        self.wrong_utterances += other.wrong_utterances;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_without_words_has_no_error_rate() {
        assert_eq!(WordErrors::default().rate(), None);
        assert_eq!(WordErrors::of(&[Edit::Insertion]).rate(), None);
    }

    #[test]
    fn errors_of_two_parts_add_up() {
        use Edit::{Correct, Deletion, Insertion, Substitution};
        let mut sum = WordScore::of(WordErrors::of(&[Correct, Deletion, Insertion]));
        sum += WordScore::of(WordErrors::of(&[Correct, Correct]));
        sum += WordScore::of(WordErrors::of(&[Substitution]));
        let words = WordErrors { reference: 5, substitutions: 1, deletions: 1, insertions: 1 };
        assert_eq!(sum, WordScore { words, utterances: 3, wrong_utterances: 2 });
        assert_eq!(sum.words.rate(), Some(60.0));
    }
}
