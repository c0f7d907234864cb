use super::corpus::{Corpus, held_out_groups};
use super::run::run_ctm;
use crate::{Error, SplitBy, training_texts};
use std::collections::BTreeSet;

/// The names in a table's first column whose second column is one of `groups`.
fn of_groups(corpus: &Corpus, groups: &BTreeSet<String>) -> BTreeSet<String> {
    let table = std::fs::read_to_string(corpus.data().join("utt2group")).unwrap();
    let lines = table.lines().filter_map(|line| line.split_once(' '));
    lines.filter(|(_, group)| groups.contains(*group)).map(|(id, _)| id.to_owned()).collect()
}

#[test]
fn a_language_model_gets_all_texts_but_those_of_held_out_groups() {
    let corpus = Corpus::new(60, 8_000);
    let out = corpus.folder.path().join("out");
    run_ctm(&corpus, &out, |_| ()).unwrap();
    let found = training_texts(&corpus.data(), &out).unwrap();
    let held_out = of_groups(&corpus, &held_out_groups(&out));
    assert!(held_out.len() > 4, "{held_out:?}");
    let without: BTreeSet<String> = (0..60).filter(|i| i % 10 == 9).map(|i| format!("u{i:03}")).collect();
    let expected: Vec<(String, String)> = (0..60)
        .map(|i| (format!("u{i:03}"), format!("LOW HIGH {i}")))
        .filter(|(id, _)| !held_out.contains(id) && !without.contains(id))
        .collect();
    assert_eq!(found.texts, expected);
    assert_eq!(found.held_out as usize, held_out.difference(&without).count());
    assert_eq!(found.without_text as usize, without.difference(&held_out).count());
}

#[test]
fn texts_of_utterances_that_are_split_one_by_one_are_left_out_one_by_one() {
    let corpus = Corpus::new(40, 8_000);
    let out = corpus.folder.path().join("out");
    let summary = run_ctm(&corpus, &out, |options| options.split_by = Some(SplitBy::Utterance)).unwrap();
    let held_out: u64 =
        summary.sets.iter().filter(|(set, _)| set.is_held_out()).map(|(_, s)| s.utterances).sum();
    assert_eq!(training_texts(&corpus.data(), &out).unwrap().held_out, held_out);
}

#[test]
fn the_texts_of_another_corpus_are_refused_because_nothing_would_be_left_out() {
    let corpus = Corpus::new(40, 8_000);
    let out = corpus.folder.path().join("out");
    run_ctm(&corpus, &out, |_| ()).unwrap();
    let table = std::fs::read_to_string(corpus.data().join("utt2group")).unwrap();
    corpus.write("utt2group", &table.replace(" g", " other"));
    let error = training_texts(&corpus.data(), &out).unwrap_err();
    assert!(matches!(&error, Error::Split { what, .. } if what.contains("has none of this name")), "{error}");
    std::fs::write(out.join("split.json"), "{\"by\": \"group\"").unwrap();
    let error = training_texts(&corpus.data(), &out).unwrap_err();
    assert!(matches!(&error, Error::Split { path, .. } if path.ends_with("split.json")), "{error}");
    std::fs::remove_file(out.join("split.json")).unwrap();
    assert!(matches!(training_texts(&corpus.data(), &out), Err(Error::Io { .. })));
}
