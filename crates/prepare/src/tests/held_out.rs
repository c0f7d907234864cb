use super::corpus::{Corpus, held_out_groups};
use super::run::run_ctm;
use crate::{Error, Fold, SplitBy, fold, training_texts};
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
    let found = training_texts(&corpus.data(), &out, None).unwrap();
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
    assert_eq!(training_texts(&corpus.data(), &out, None).unwrap().held_out, held_out);
}

#[test]
fn the_texts_of_another_corpus_are_refused_because_nothing_would_be_left_out() {
    let corpus = Corpus::new(40, 8_000);
    let out = corpus.folder.path().join("out");
    run_ctm(&corpus, &out, |_| ()).unwrap();
    let table = std::fs::read_to_string(corpus.data().join("utt2group")).unwrap();
    corpus.write("utt2group", &table.replace(" g", " other"));
    let error = training_texts(&corpus.data(), &out, None).unwrap_err();
    assert!(matches!(&error, Error::Split { what, .. } if what.contains("has none of this name")), "{error}");
    std::fs::write(out.join("split.json"), "{\"by\": \"group\"").unwrap();
    let error = training_texts(&corpus.data(), &out, None).unwrap_err();
    assert!(matches!(&error, Error::Split { path, .. } if path.ends_with("split.json")), "{error}");
    std::fs::remove_file(out.join("split.json")).unwrap();
    assert!(matches!(training_texts(&corpus.data(), &out, None), Err(Error::Io { .. })));
}

#[test]
fn folds_leave_out_each_group_once_and_whole() {
    let corpus = Corpus::new(60, 8_000);
    let out = corpus.folder.path().join("out");
    run_ctm(&corpus, &out, |_| ()).unwrap();
    let all = training_texts(&corpus.data(), &out, None).unwrap();
    let table = std::fs::read_to_string(corpus.data().join("utt2group")).unwrap();
    let group = |id: &str| table.lines().find_map(|line| line.strip_prefix(id)).unwrap().trim();
    let mut left_out = Vec::new();
    for number in 1..=3 {
        let without = training_texts(&corpus.data(), &out, Some(Fold { number, of: 3 })).unwrap();
        assert_eq!(without.texts.len() as u64 + without.other_fold, all.texts.len() as u64);
        assert_eq!((without.held_out, without.without_text), (all.held_out, all.without_text));
        for (id, text) in &all.texts {
            let is_left_out = !without.texts.contains(&(id.clone(), text.clone()));
            assert_eq!(is_left_out, fold(group(id), 3) + 1 == number, "{id} of {}", group(id));
            left_out.extend(is_left_out.then_some(id.clone()));
        }
    }
    left_out.sort();
    let ids: Vec<String> = all.texts.into_iter().map(|(id, _)| id).collect();
    assert_eq!(left_out, ids);
}

#[test]
fn a_fold_is_written_as_its_number_of_how_many() {
    assert_eq!("2/3".parse(), Ok(Fold { number: 2, of: 3 }));
    for wrong in ["", "2", "0/2", "3/2", "1/1", "a/2", "1/2/3", "-1/2"] {
        assert!(wrong.parse::<Fold>().is_err(), "{wrong}");
    }
}
