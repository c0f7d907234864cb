//! Which splits are made, and when growth stops, in small worlds whose statistics are known.

// Helpers outside of test functions unwrap, too.
#![allow(clippy::unwrap_used)]

mod support;

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use stentor_inventory::SenoneId;
use stentor_senones::{
    Error, Gaussian, Growth, Node, Questions, Scheme, Statistics, Topology, TriphoneState,
};
use support::{
    FLOOR, SIL, all_states, choices, grow, growth, likelihood_by_map, of_frames, scheme, state, statistics,
    true_class, true_world, world,
};

#[test]
fn the_tree_finds_the_true_tying_and_unseen_triphones_follow_it() {
    let scheme = scheme(9);
    let statistics = true_world(9);
    // 2 of silence; 2 of each first state and 4 of each other one.
    let leaves = 2 + 8 * (2 + 4);
    let wish = Growth { minimum_gain: 50.0, ..growth(&scheme, 1_000) };
    let grown = grow(&wish, &statistics);
    assert_eq!(grown.tree.senones(), leaves, "splits stop when none gains more than noise\n{}", grown.tree);
    let mut senones: BTreeMap<_, BTreeSet<SenoneId>> = BTreeMap::new();
    for of in all_states(9, Topology::FirstThenRest) {
        senones.entry(true_class(of)).or_default().insert(grown.tree.senone(of).unwrap());
    }
    assert_eq!(senones.len(), leaves);
    assert!(
        senones.values().all(|senones| senones.len() == 1),
        "one senone for each true class: {senones:?}"
    );
}

#[test]
fn leaves_that_questions_cut_apart_in_vain_are_merged_again() {
    let scheme = scheme(9);
    let statistics = true_world(9);
    let greedy = grow(&growth(&scheme, 150), &statistics);
    assert_eq!(greedy.tree.senones(), 150);
    let merged = grow(&Growth { merge_below: Some(50.0), ..growth(&scheme, 150) }, &statistics);
    assert_eq!(merged.tree.senones(), 2 + 8 * (2 + 4));
    assert_eq!(merged.tree.nodes().len(), greedy.tree.nodes().len(), "the questions stay");
    assert_eq!(merged.losses.len(), 150 - merged.tree.senones());
    assert!(greedy.log_likelihood() >= merged.log_likelihood());
}

#[test]
fn a_wish_that_cannot_be_met_is_refused_by_name() {
    let scheme = scheme(3);
    let one = statistics(&[(state(0, 1, 2, 0), of_frames(&[[1.0, 2.0]]))]);
    let error = |growth: Growth<'_>, statistics: &Statistics| {
        growth.grow(statistics, &Questions::default()).unwrap_err()
    };
    assert_eq!(error(growth(&scheme, 2), &one), Error::Leaves { roots: 3, found: 2 });
    assert_eq!(error(growth(&scheme, 70_000), &one), Error::Leaves { roots: 3, found: 70_000 });
    assert_eq!(error(growth(&scheme, 9), &Statistics::new(2).unwrap()), Error::NoStatistics);
    assert_eq!(
        error(Growth { variance_floor: 0.0, ..growth(&scheme, 9) }, &one),
        Error::VarianceFloor { found: 0.0 }
    );
    assert!(matches!(
        error(Growth { minimum_gain: -1.0, ..growth(&scheme, 9) }, &one),
        Error::Setting { setting: "minimum_gain", .. }
    ));
    let unknown = statistics(&[(state(0, 1, 7, 0), of_frames(&[[1.0, 2.0]]))]);
    assert_eq!(error(growth(&scheme, 9), &unknown), Error::Unknown { what: "phone", found: 7, limit: 3 });
    let late = statistics(&[(state(0, 1, 2, 2), of_frames(&[[1.0, 2.0]]))]);
    assert_eq!(error(growth(&scheme, 9), &late), Error::Unknown { what: "state", found: 2, limit: 2 });
}

/// Best-first growth as its definition has it: at each step every leaf and every question is tried anew.
fn greedy_gains(seen: &Statistics, questions: &Questions, wish: &Growth<'_>) -> Vec<f64> {
    type Leaf<'a> = Vec<(TriphoneState, &'a Gaussian)>;
    let likelihood = |leaf: &Leaf<'_>| {
        let mut all = Gaussian::new(2);
        leaf.iter().for_each(|(_, gaussian)| all.merge(gaussian));
        (all.count(), all.log_likelihood(FLOOR))
    };
    let mut leaves: Vec<Leaf<'_>> = Vec::new();
    for (of, gaussian) in seen.states() {
        let same = |leaf: &&mut Leaf<'_>| leaf[0].0.centre == of.centre && leaf[0].0.state == of.state;
        match leaves.iter_mut().find(same) {
            Some(leaf) => leaf.push((of, gaussian)),
            None => leaves.push(vec![(of, gaussian)]),
        }
    }
    let roots = wish.scheme.phones.len() * usize::from(wish.scheme.topology.states());
    let mut gains = Vec::new();
    while roots + gains.len() < wish.leaves {
        let mut best: Option<(f64, usize, Leaf<'_>, Leaf<'_>)> = None;
        for (place, leaf) in leaves.iter().enumerate().filter(|(_, leaf)| leaf[0].0.centre != SIL) {
            for set in questions.sets() {
                for left in [true, false] {
                    let answer = |of: &TriphoneState| set.contains(if left { &of.left } else { &of.right });
                    let (yes, no): (Leaf<'_>, Leaf<'_>) =
                        leaf.iter().copied().partition(|(of, _)| answer(of));
                    let (a, b) = (likelihood(&yes), likelihood(&no));
                    let gain = a.1 + b.1 - likelihood(leaf).1;
                    let enough = a.0 >= wish.minimum_count && b.0 >= wish.minimum_count;
                    if enough && gain > best.as_ref().map_or(wish.minimum_gain, |best| best.0) {
                        best = Some((gain, place, yes, no));
                    }
                }
            }
        }
        let Some((gain, place, yes, no)) = best else { break };
        gains.push(gain);
        leaves[place] = yes;
        leaves.push(no);
    }
    gains
}

#[test]
fn each_split_is_the_best_there_is() {
    let scheme = scheme(6);
    // No two splits gain the same here, so the order in which they are made is one.
    let mut draw = 1u64;
    let mut next = || {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (draw >> 40) as f32 / (1u64 << 24) as f32
    };
    let seen: Vec<_> = all_states(6, Topology::FirstThenRest)
        .map(|of| (of, of_frames(&[[next() + f32::from(of.left.number()), next()], [next(), 2.0 * next()]])))
        .collect();
    let statistics = statistics(&seen);
    let questions = Questions::from_data(&statistics, &scheme, FLOOR).unwrap();
    let wish = Growth { minimum_count: 5.0, minimum_gain: 0.5, ..growth(&scheme, 60) };
    let expected = greedy_gains(&statistics, &questions, &wish);
    let gains = wish.grow(&statistics, &questions).unwrap().gains;
    assert_eq!((gains.len(), expected.len()), (48, 48));
    for (gain, expected) in gains.iter().zip(&expected) {
        assert!((gain - expected).abs() < 1e-6, "{gain} {expected}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_world_grows_a_tree_that_maps_everything_and_adds_up(
        seen in world(5, 3),
        (topology, roots, more, minimum_count, merge_below) in choices(),
    ) {
        let seen: Vec<_> = seen.into_iter().filter(|(of, _)| of.state < topology.states()).collect();
        prop_assume!(!seen.is_empty());
        let scheme = Scheme { topology, ..scheme(5) };
        let leaves = 5 * usize::from(topology.states()) + more;
        let wish = Growth { roots, leaves, minimum_count, merge_below, ..growth(&scheme, 0) };
        let statistics = statistics(&seen);
        let grown = grow(&wish, &statistics);
        prop_assert!(grown.gains.iter().all(|&gain| gain > 0.0));
        prop_assert!(grown.losses.iter().all(|&loss| loss > -1e-9));
        prop_assert!(grown.tree.senones() <= leaves);
        let (ours, by_map) = (grown.log_likelihood(), likelihood_by_map(&grown.tree, &statistics));
        prop_assert!((ours - by_map).abs() < 1e-6 * (1.0 + by_map.abs()), "{ours} {by_map}");
        let mut used = BTreeSet::new();
        for of in all_states(5, topology) {
            let senone = grown.tree.senone(of).unwrap();
            prop_assert!(senone.index() < grown.tree.senones());
            prop_assert!(grown.tree.senones_below(of.centre, of.state).contains(&senone));
            used.insert(senone);
        }
        prop_assert_eq!(grown.tree.inventory().unwrap().len(), grown.tree.senones());
        let mut counts = vec![0.0; grown.tree.nodes().len()];
        for (of, gaussian) in statistics.states() {
            let mut node = grown.tree.root(of.centre, of.state).unwrap();
            while let Node::Split { question, yes, no, .. } = &grown.tree.nodes()[node] {
                node = if question.answer(of) { *yes } else { *no };
                counts[node] += gaussian.count();
            }
        }
        for node in grown.tree.nodes() {
            if let Node::Split { yes, no, .. } = node {
                prop_assert!(counts[*yes] >= minimum_count.max(1.0) && counts[*no] >= minimum_count.max(1.0));
            }
        }
    }

    #[test]
    fn the_order_of_the_data_makes_no_difference(
        (seen, shuffled) in world(4, 2).prop_flat_map(|seen| (Just(seen.clone()), Just(seen).prop_shuffle())),
        merge_below in prop::option::of(0.0f64..20.0),
    ) {
        let scheme = scheme(4);
        let wish = Growth { merge_below, ..growth(&scheme, 20) };
        let (one, other) = (grow(&wish, &statistics(&seen)), grow(&wish, &statistics(&shuffled)));
        prop_assert_eq!(one.tree.encode().unwrap(), other.tree.encode().unwrap());
        prop_assert_eq!(one, other);
    }
}
