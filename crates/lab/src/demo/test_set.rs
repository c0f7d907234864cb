//! Utterances missing from the test set, and its speakers who occur in training, from the output of `stentor prepare
//! --json`.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The keys of `stentor prepare --json` that are used here. Those that an older program did not write are unknown.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct PrepareSummary {
    /// Utterances that were left out, by set and reason.
    left_out: BTreeMap<String, BTreeMap<String, u64>>,
    /// Share of the test set's time with speakers who also occur in training.
    pub(crate) test_heard_in_training: Option<f64>,
}

impl PrepareSummary {
    /// Utterances that were meant for the test set and are not in it, by reason.
    pub(crate) fn test_left_out(&self) -> BTreeMap<String, u64> {
        let of_test = self.left_out.get("test").into_iter().flatten();
        of_test.filter(|(_, utterances)| **utterances > 0).map(|(reason, n)| (reason.clone(), *n)).collect()
    }

    /// What readers of the report must know about the test set, in sentences.
    pub(crate) fn notes(&self) -> Vec<String> {
        let left_out = self.test_left_out();
        let reasons: Vec<String> =
            left_out.iter().map(|(reason, n)| format!("{n} {}", reason.replace('_', " "))).collect();
        let mut notes = vec![match left_out.values().sum::<u64>() {
            0 => "No utterance of the test groups was left out of the test set.".to_owned(),
            n => format!(
                "{n} utterances of the test groups are not in the test set, and so not in the figures: {}.",
                reasons.join(", ")
            ),
        }];
        notes.extend(self.test_heard_in_training.map(|share| {
            format!(
                "{:.0} % of the test set's time is from speakers who also occur in training: for other speakers the \
                 error rates would be higher.",
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
    fn utterances_missing_from_the_test_set_are_counted_by_reason_and_other_sets_are_ignored() {
        let json = r#"{"recordings": 9, "test_heard_in_training": 0.34, "left_out": {
            "test": {"not_aligned": 3, "held_out_without_text": 2, "unknown_phone": 0},
            "annotated": {"not_aligned": 2}, "dev": {"unknown_phone": 1}}}"#;
        let summary: PrepareSummary = serde_json::from_str(json).unwrap();
        let expected = [("held_out_without_text".to_owned(), 2), ("not_aligned".to_owned(), 3)];
        assert_eq!(summary.test_left_out(), BTreeMap::from(expected));
        let notes = summary.notes();
        assert!(notes[0].starts_with("5 utterances") && notes[0].contains("3 not aligned"), "{notes:?}");
        assert!(notes[1].starts_with("34 % of the test set's time"), "{notes:?}");
    }

    #[test]
    fn nothing_is_reported_about_speakers_if_nothing_is_known() {
        let notes = PrepareSummary::default().notes();
        assert_eq!(notes, ["No utterance of the test groups was left out of the test set."]);
    }
}
