use super::*;

fn texts<const N: usize>(texts: [(&str, &str); N]) -> Transcripts {
    texts.map(|(id, text)| (id.to_owned(), text.to_owned())).into()
}

fn counts(score: &WordScore) -> [u64; 4] {
    let WordErrors { reference, substitutions, deletions, insertions } = score.words;
    [reference, substitutions, deletions, insertions]
}

#[test]
fn errors_are_counted_in_all_by_speaker_and_by_group() {
    let reference = texts([("a-1", "Hold the line."), ("a-2", "Good bye"), ("b-1", "Press the key!")]);
    let hypothesis = texts([("a-1", "hold a line"), ("a-2", "good"), ("b-1", "press the the key")]);
    let speakers = texts([("a-1", "a"), ("a-2", "a"), ("b-1", "b"), ("c-9", "of another set")]);
    let groups = texts([("a-1", "x"), ("a-2", "y"), ("b-1", "y")]);
    let labels = Labels { speakers: Some(&speakers), groups: Some(&groups) };
    let found = score(&reference, &hypothesis, labels).unwrap();
    assert_eq!(counts(&found.total()), [8, 1, 1, 1]);
    assert_eq!((found.total().utterances, found.total().wrong_utterances), (3, 3));
    let by = |parts: BTreeMap<String, WordScore>| -> Vec<(String, [u64; 4])> {
        parts.into_iter().map(|(name, score)| (name, counts(&score))).collect()
    };
    assert_eq!(by(found.by_speaker()), [("a".into(), [5, 1, 1, 0]), ("b".into(), [3, 0, 0, 1])]);
    assert_eq!(by(found.by_group()), [("x".into(), [3, 1, 0, 0]), ("y".into(), [5, 0, 1, 1])]);
    assert_eq!((found.unit, found.normaliser), (Unit::Group, NORMALISER));
}

#[test]
fn utterances_that_one_side_lacks_are_an_error_that_names_them() {
    let reference = texts([("a", "x"), ("b", "x"), ("c", "x")]);
    let found = score(&reference, &texts([("b", "x"), ("d", "x")]), Labels::default()).unwrap_err();
    assert_eq!(
        found,
        Error::OtherUtterances { missing: vec!["a".into(), "c".into()], extra: vec!["d".into()] }
    );
    let words = found.to_string();
    assert!(words.contains("2 of the reference are not in the hypothesis (a, c)"), "{words}");
    assert!(words.contains("1 of the hypothesis is not in the reference (d)"), "{words}");
    let nothing = score(&texts([]), &texts([]), Labels::default());
    assert_eq!(nothing, Err(Error::NothingToScore));
}

#[test]
fn an_utterance_without_a_speaker_or_a_group_is_an_error() {
    let reference = texts([("a", "x"), ("b", "x"), ("c", "x")]);
    let names = texts([("a", "s")]);
    let speakers = Labels { speakers: Some(&names), groups: None };
    let expected = |what| Err(Error::Unnamed { what, count: 2, first: "b".into() });
    assert_eq!(score(&reference, &reference, speakers), expected("speaker"));
    let groups = Labels { speakers: None, groups: Some(&names) };
    assert_eq!(score(&reference, &reference, groups), expected("group"));
}

#[test]
fn an_utterance_that_is_silent_in_both_is_right_and_has_no_rate() {
    let found = score(&texts([("a", "[noise]")]), &texts([("a", "")]), Labels::default()).unwrap();
    let total = found.total();
    assert_eq!((counts(&total), total.words.rate(), total.wrong_utterances), ([0; 4], None, 0));
    assert_eq!(found.reference.dropped, BTreeMap::from([("[noise]".to_owned(), 1)]));
    assert_eq!(found.interval(100, 1), None);
}

/// Ten words an utterance; of utterance `n` the first `wrong(n)` are deleted.
fn system(wrong: impl Fn(usize) -> usize) -> (Transcripts, Transcripts) {
    let id = |n: usize| format!("u{n:02}");
    let text = |from: usize| (from..10).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
    ((0..20).map(|n| (id(n), text(0))).collect(), (0..20).map(|n| (id(n), text(wrong(n)))).collect())
}

#[test]
fn the_interval_contains_the_rate_and_comes_from_what_varies() {
    let (reference, hypothesis) = system(|n| n % 5);
    let found = score(&reference, &hypothesis, Labels::default()).unwrap();
    assert_eq!(found.total().words.rate(), Some(20.0));
    let interval = found.interval(2000, 1).unwrap();
    assert!(
        interval.low < 20.0 && 20.0 < interval.high && interval.high - interval.low < 20.0,
        "{interval:?}"
    );
    assert_eq!(interval.units, 20);

    // Two groups with the same errors: nothing varies between them.
    let groups = reference.keys().enumerate().map(|(n, id)| (id.clone(), format!("g{}", n / 10))).collect();
    let labels = Labels { speakers: None, groups: Some(&groups) };
    let found = score(&reference, &hypothesis, labels).unwrap().interval(2000, 1);
    assert_eq!(found, Some(Interval { low: 20.0, high: 20.0, units: 2 }));
}

#[test]
fn two_systems_are_compared_utterance_by_utterance() {
    let (reference, worse) = system(|n| 2 + n % 5);
    let (_, better) = system(|n| 1 + n % 5);
    let scored = |hypothesis| score(&reference, hypothesis, Labels::default()).unwrap();
    let found = scored(&better).compare(&scored(&worse), 2000, 1).unwrap();
    // One word of ten fewer in each utterance: the difference does not vary, although the rates do.
    assert_eq!((found.baseline, found.system), (40.0, 30.0));
    assert!((found.low + 10.0).abs() < 1e-9 && (found.high + 10.0).abs() < 1e-9, "{found:?}");
}

#[test]
fn systems_scored_on_other_references_are_not_compared() {
    let (reference, hypothesis) = system(|_| 1);
    let scored = score(&reference, &hypothesis, Labels::default()).unwrap();
    let other = score(&hypothesis, &hypothesis, Labels::default()).unwrap();
    assert_eq!(scored.compare(&other, 100, 1), None);
}
