//! What the test set lacks, and whose voices it has: from what `stentor prepare --json` says.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The part of `stentor prepare --json` that is used here. What an older program did not write is not known.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct PrepareSummary {
    /// By reason.
    left_out: BTreeMap<String, LeftOut>,
    /// Share of the test set's time by speakers who are heard in training too.
    pub(crate) test_heard_in_training: Option<f64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct LeftOut {
    by_set: BTreeMap<String, u64>,
}

impl PrepareSummary {
    /// Utterances that were meant for the test set and are not in it, by reason.
    pub(crate) fn test_left_out(&self) -> BTreeMap<String, u64> {
        let of_test = |(reason, left_out): (&String, &LeftOut)| {
            Some((reason.clone(), *left_out.by_set.get("test").filter(|utterances| **utterances > 0)?))
        };
        self.left_out.iter().filter_map(of_test).collect()
    }

    /// What a reader of the report must know of it, in sentences.
    pub(crate) fn notes(&self) -> Vec<String> {
        let left_out = self.test_left_out();
        let reasons: Vec<String> =
            left_out.iter().map(|(reason, n)| format!("{n} {}", reason.replace('_', " "))).collect();
        let mut notes = vec![match left_out.values().sum::<u64>() {
            0 => "No utterance of the test groups was left out of the test set.".to_owned(),
            n => format!(
                "{n} utterances of the test groups are not in the test set, and in no figure: {}.",
                reasons.join(", ")
            ),
        }];
        notes.extend(self.test_heard_in_training.map(|share| {
            format!(
                "{:.0} % of the test set's time is by speakers who are heard in training too: for unknown voices the error \
                 rates are too low.",
                100.0 * share
            )
        }));
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fell_out_of_the_test_set_is_counted_by_reason_and_other_sets_are_not() {
        let json = r#"{"recordings": 9, "test_heard_in_training": 0.34, "left_out": {
            "not_aligned": {"utterances": 5, "by_set": {"test": 3, "annotated": 2}, "examples": ["a: b"]},
            "unknown_phone": {"utterances": 1, "by_set": {"dev": 1}, "examples": []},
            "held_out_without_text": {"utterances": 2, "by_set": {"test": 2}, "examples": []}}}"#;
        let summary: PrepareSummary = serde_json::from_str(json).unwrap();
        let expected = [("held_out_without_text".to_owned(), 2), ("not_aligned".to_owned(), 3)];
        assert_eq!(summary.test_left_out(), BTreeMap::from(expected));
        let notes = summary.notes();
        assert!(notes[0].starts_with("5 utterances") && notes[0].contains("3 not aligned"), "{notes:?}");
        assert!(notes[1].starts_with("34 % of the test set's time"), "{notes:?}");
    }

    #[test]
    fn of_voices_nothing_is_said_where_nothing_is_known() {
        let notes = PrepareSummary::default().notes();
        assert_eq!(notes, ["No utterance of the test groups was left out of the test set."]);
    }
}
