//! Errors of boundaries between phones.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use stentor_evaluate::words::{Edit, align};

/// A phone and its times in milliseconds. Pauses are not among the phones.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Phone {
    pub(super) name: String,
    pub(super) start_ms: f64,
    pub(super) end_ms: f64,
}

/// The phones of utterances.
pub(super) type Phones = BTreeMap<String, Vec<Phone>>;

/// How much later than the truth each boundary is, in milliseconds, sorted.
#[derive(Debug, PartialEq)]
pub(super) struct Boundaries(Vec<f64>);

impl Boundaries {
    /// Compares phones with the true ones of the same utterances.
    ///
    /// Both may have other pronunciations, so they are aligned first by the least number of edits. Of each phone that both have, the
    /// start is compared, and also the end if a pause follows.
    pub(super) fn of(truth: &Phones, found: &Phones) -> Result<Self> {
        let mut errors = Vec::new();
        for (utterance, found) in found {
            let told = || format!("utterance {utterance}");
            let truth = truth.get(utterance).with_context(told)?;
            let names = |phones: &[Phone]| phones.iter().map(|phone| phone.name.clone()).collect::<Vec<_>>();
            let edits = align(&names(truth), &names(found)).with_context(told)?;
            let (mut at, mut other) = (0, 0);
            for edit in edits {
                if edit == Edit::Correct {
                    let (expected, own) = (&truth[at], &found[other]);
                    errors.push(own.start_ms - expected.start_ms);
                    let is_last = truth.get(at + 1).is_none_or(|next| next.start_ms > expected.end_ms + 1.0);
                    errors.extend(is_last.then_some(own.end_ms - expected.end_ms));
                }
                at += usize::from(edit != Edit::Insertion);
                other += usize::from(edit != Edit::Deletion);
            }
        }
        errors.sort_by(f64::total_cmp);
        Ok(Self(errors))
    }

    pub(super) fn figures(&self) -> Value {
        let mut absolute: Vec<f64> = self.0.iter().map(|error| error.abs()).collect();
        absolute.sort_by(f64::total_cmp);
        let middle = |sorted: &[f64]| sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
        let within = |limit: f64| {
            absolute.partition_point(|error| *error <= limit) as f64 / absolute.len().max(1) as f64
        };
        json!({
            "boundaries": self.0.len(),
            "median_ms": middle(&absolute),
            "median_signed_ms": middle(&self.0),
            "within_20_ms": within(20.0),
            "within_30_ms": within(30.0),
            "within_50_ms": within(50.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phones(list: &[(&str, f64, f64)]) -> Phones {
        let phone =
            |&(name, start_ms, end_ms): &(&str, f64, f64)| Phone { name: name.to_owned(), start_ms, end_ms };
        Phones::from([("u".to_owned(), list.iter().map(phone).collect())])
    }

    #[test]
    fn starts_and_ends_before_pauses_are_compared_for_phones_that_both_have() {
        let truth = phones(&[("A", 100.0, 200.0), ("B", 200.0, 250.0), ("C", 400.0, 500.0)]);
        let found = phones(&[("A", 110.0, 190.0), ("X", 190.0, 260.0), ("C", 360.0, 530.0)]);
        let errors = Boundaries::of(&truth, &found).unwrap();
        // A's start; C's start, and its end, which is the last.
        assert_eq!(errors, Boundaries(vec![-40.0, 10.0, 30.0]));
        let figures = errors.figures();
        assert_eq!(
            (&figures["boundaries"], &figures["median_ms"], &figures["median_signed_ms"]),
            (&3.into(), &30.0.into(), &10.0.into())
        );
        assert_eq!(
            (figures["within_20_ms"].as_f64(), figures["within_50_ms"].as_f64()),
            (Some(1.0 / 3.0), Some(1.0))
        );
        // B ends before a pause.
        assert_eq!(Boundaries::of(&truth, &truth).unwrap().0.len(), 5);
        assert!(Boundaries::of(&Phones::new(), &found).is_err());
    }
}
