use crate::decide::split::{Candidate, split};
use crate::{Error, Fractions, Set};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const TENTHS: Fractions = Fractions { annotated: 0.1, dev: 0.1, test: 0.1, unannotated: None };

/// Groups of utterances, `(seconds, has a text)`.
fn corpus() -> impl Strategy<Value = Vec<Vec<(i64, bool)>>> {
    let utterance = (1i64..60, prop::bool::weighted(0.8));
    prop::collection::vec(prop::collection::vec(utterance, 1..12), 3..60)
}

fn candidates<'a>(names: &'a [String], groups: &[Vec<(i64, bool)>]) -> Vec<Candidate<'a>> {
    names
        .iter()
        .zip(groups)
        .flat_map(|(name, group)| {
            let one = |&(seconds, has_text): &(i64, bool)| Candidate {
                group: name.as_str(),
                duration: seconds * 1_000_000,
                has_text,
            };
            group.iter().map(one).collect::<Vec<_>>()
        })
        .collect()
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("dialogue-{i}")).collect()
}

proptest! {
    #[test]
    fn no_group_is_both_in_training_and_held_out(groups in corpus(), seed in any::<u64>(), rest in prop::option::of(0.0f64..0.8)) {
        let names = names(groups.len());
        let candidates = candidates(&names, &groups);
        let Ok(dealt) = split(&candidates, &Fractions { unannotated: rest, ..TENTHS }, seed) else { return Ok(()) };
        prop_assert_eq!(dealt.sets.len(), candidates.len());
        let mut places: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (candidate, set) in candidates.iter().zip(&dealt.sets) {
            if let Some(set) = set {
                prop_assert!(candidate.has_text || *set == Set::Unannotated, "nothing without a text is aligned");
                let place = if set.is_training() { "training" } else { set.name() };
                places.entry(candidate.group).or_default().insert(place);
                prop_assert!(dealt.groups[set].contains(candidate.group));
            }
        }
        prop_assert!(places.values().all(|p| p.len() == 1), "{:?}", places);
    }

    #[test]
    fn with_all_texts_annotated_the_held_out_sets_stay_and_nothing_with_a_text_is_unannotated(
        groups in corpus(), seed in any::<u64>(), rest in prop::option::of(0.0f64..0.8)
    ) {
        let names = names(groups.len());
        let candidates = candidates(&names, &groups);
        let Ok(before) = split(&candidates, &Fractions { unannotated: rest, ..TENTHS }, seed) else { return Ok(()) };
        let mut after = before.clone();
        after.annotate_all(&candidates);
        for ((candidate, before), now) in candidates.iter().zip(&before.sets).zip(&after.sets) {
            let expected = match before {
                Some(Set::Unannotated) if candidate.has_text => Some(Set::Annotated),
                other => *other,
            };
            prop_assert_eq!(*now, expected);
        }
        for (candidate, set) in candidates.iter().zip(&after.sets) {
            prop_assert!(set.is_none_or(|set| after.groups[&set].contains(candidate.group)));
        }
    }

    #[test]
    fn the_order_of_the_corpus_does_not_matter(groups in corpus(), seed in any::<u64>()) {
        let names = names(groups.len());
        let forward = candidates(&names, &groups);
        let mut backward = forward.clone();
        backward.reverse();
        let (Ok(one), Ok(two)) = (split(&forward, &TENTHS, seed), split(&backward, &TENTHS, seed)) else { return Ok(()) };
        prop_assert_eq!(&one.groups, &two.groups);
        let reversed: Vec<_> = two.sets.into_iter().rev().collect();
        prop_assert_eq!(one.sets, reversed);
    }

    #[test]
    fn with_many_small_groups_the_requested_fractions_are_met(
        seconds in prop::collection::vec(1i64..20, 400..600),
        annotated in 0.05f64..0.4,
        test in 0.05f64..0.3,
        seed in any::<u64>(),
    ) {
        let groups: Vec<Vec<(i64, bool)>> = seconds.iter().map(|&s| vec![(s, true)]).collect();
        let names = names(groups.len());
        let candidates = candidates(&names, &groups);
        let fractions = Fractions { annotated, dev: 0.2, test, unannotated: Some(0.25) };
        let dealt = split(&candidates, &fractions, seed).unwrap();
        let total: i64 = candidates.iter().map(|c| c.duration).sum();
        let share = |set| dealt.time(set, &candidates) as f64 / total as f64;
        prop_assert!((share(Set::Test) - test).abs() < 0.01);
        prop_assert!((share(Set::Annotated) + share(Set::Dev) - annotated).abs() < 0.01);
        prop_assert!((share(Set::Dev) - 0.2 * annotated).abs() < 0.01);
        prop_assert!((share(Set::Unannotated) - 0.25).abs() < 0.01);
        prop_assert!(dealt.is_close(&fractions, &candidates));
    }

    #[test]
    fn more_annotated_data_does_not_change_the_test_set(groups in corpus(), seed in any::<u64>()) {
        let groups: Vec<Vec<(i64, bool)>> =
            groups.into_iter().map(|g| g.into_iter().map(|(s, _)| (s, true)).collect()).collect();
        let names = names(groups.len());
        let candidates = candidates(&names, &groups);
        let more = Fractions { annotated: 0.4, ..TENTHS };
        let (Ok(few), Ok(many)) = (split(&candidates, &TENTHS, seed), split(&candidates, &more, seed)) else {
            return Ok(());
        };
        prop_assert_eq!(few.groups.get(&Set::Test), many.groups.get(&Set::Test));
    }
}

#[test]
fn few_texts_are_shared_between_annotated_and_test() {
    // 100 utterances, 10 with texts: a tenth of the time, half of the requested share.
    let groups: Vec<Vec<(i64, bool)>> = (0..100).map(|i| vec![(10, i % 10 == 0)]).collect();
    let names = names(100);
    let candidates = candidates(&names, &groups);
    let dealt = split(&candidates, &TENTHS, 1).unwrap();
    assert!((dealt.scale - 0.5).abs() < 1e-9);
    let count = |set| dealt.sets.iter().filter(|s| **s == Some(set)).count();
    assert_eq!(
        [count(Set::Annotated) + count(Set::Dev), count(Set::Test), count(Set::Unannotated)],
        [5, 5, 90]
    );
}

#[test]
fn a_text_less_utterance_of_a_held_out_group_is_left_out() {
    let groups: Vec<Vec<(i64, bool)>> = (0..30).map(|_| vec![(10, true), (10, false)]).collect();
    let names = names(30);
    let candidates = candidates(&names, &groups);
    let dealt = split(&candidates, &TENTHS, 4).unwrap();
    let held_out = dealt.groups[&Set::Test].len() + dealt.groups.get(&Set::Dev).map_or(0, BTreeSet::len);
    assert_eq!(dealt.held_out_without_text.len(), held_out);
    assert_eq!(dealt.sets.iter().filter(|set| set.is_none()).count(), held_out);
}

#[test]
fn a_corpus_without_texts_cannot_be_split() {
    let names = names(20);
    let groups = vec![vec![(10, false)]; 20];
    let error = split(&candidates(&names, &groups), &TENTHS, 1).unwrap_err();
    assert!(matches!(error, Error::NothingToAnnotate { texted: 0, in_test: 0 }), "{error}");
}

#[test]
fn one_large_speaker_is_far_from_the_wanted_fractions() {
    let names = names(3);
    let groups = vec![vec![(1_000, true)], vec![(10, true)], vec![(10, true)]];
    let candidates = candidates(&names, &groups);
    let dealt = split(&candidates, &TENTHS, 1).unwrap();
    assert!(!dealt.is_close(&TENTHS, &candidates));
}

#[test]
fn two_groups_are_a_test_set_and_a_training_set() {
    let names = names(2);
    let candidates = candidates(&names, &[vec![(100, true)], vec![(90, true)]]);
    let dealt = split(&candidates, &TENTHS, 1).unwrap();
    assert_eq!(dealt.sets, [Some(Set::Annotated), Some(Set::Test)]);
}
