//! Lattices against the enumeration of their paths.

mod support;

use proptest::prelude::*;
use std::collections::BTreeMap;
use stentor_decode::{Error, Lattice, LatticeArc, LatticeNode, Rescoring};
use stentor_random::{SplitMix64, unit_interval};
use support::is_near;

/// Up to six nodes, one frame apart; a chain makes sure that every node is on a path.
fn lattice() -> impl Strategy<Value = Lattice> {
    let arc = (0..6usize, 1..6usize, 0..4u32, 0..40i32, 0..40i32);
    (2..7usize, prop::collection::vec(arc, 0..12), prop::collection::vec(0..4u32, 6)).prop_map(
        |(count, arcs, chain)| {
            let mut costs = BTreeMap::new();
            for node in 1..count {
                costs.insert((node - 1, node, chain[node - 1]), (1.0, 2.0));
            }
            for (from, length, word, graph, acoustic) in arcs {
                if from + length < count {
                    let cost = (f64::from(graph) / 8.0, f64::from(acoustic) / 8.0);
                    costs.insert((from, from + length, word), cost);
                }
            }
            let arcs = costs.into_iter().map(|((from, to, word), (graph, acoustic))| LatticeArc {
                from,
                to,
                word,
                graph,
                acoustic,
            });
            let nodes = (0..count).map(|frame| LatticeNode { frame }).collect();
            Lattice::new(nodes, arcs.collect()).expect("valid")
        },
    )
}

/// Every path, as places of its arcs.
fn paths(lattice: &Lattice) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    let mut open = vec![(0, Vec::new())];
    while let Some((node, path)) = open.pop() {
        if node + 1 == lattice.nodes().len() {
            found.push(path);
            continue;
        }
        for (place, arc) in lattice.arcs().iter().enumerate().filter(|(_, arc)| arc.from == node) {
            open.push((arc.to, path.iter().copied().chain([place]).collect()));
        }
    }
    found
}

fn cost(lattice: &Lattice, path: &[usize]) -> f64 {
    path.iter().map(|place| lattice.arcs()[*place].cost()).sum()
}

fn words(lattice: &Lattice, path: &[usize]) -> Vec<u32> {
    path.iter().map(|place| lattice.arcs()[*place].word).filter(|word| *word > 0).collect()
}

fn distance(a: &[u32], b: &[u32]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let best = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn words_are_drawn_as_often_as_their_paths_are_probable(lattice in lattice(), scale in 0.2..3.0f64, seed: u64) {
        const DRAWS: u32 = 3000;
        let mut probable: BTreeMap<Vec<u32>, f64> = BTreeMap::new();
        let total: f64 = paths(&lattice).iter().map(|path| (-scale * cost(&lattice, path)).exp()).sum();
        for path in paths(&lattice) {
            *probable.entry(words(&lattice, &path)).or_default() += (-scale * cost(&lattice, &path)).exp() / total;
        }
        let posteriors = lattice.posteriors(scale).unwrap();
        let mut random = SplitMix64::new(seed);
        let mut drawn: BTreeMap<Vec<u32>, u32> = BTreeMap::new();
        for _ in 0..DRAWS {
            *drawn.entry(lattice.draw(&posteriors, || unit_interval(random.next_u64()))).or_default() += 1;
        }
        for words in drawn.keys() {
            prop_assert!(probable.contains_key(words), "{words:?} is on no path");
        }
        for (words, probability) in probable {
            let share = f64::from(drawn.get(&words).copied().unwrap_or(0)) / f64::from(DRAWS);
            // Six standard deviations.
            let bound = 6.0 * ((probability * (1.0 - probability)).max(0.0) / f64::from(DRAWS)).sqrt() + 2.0 / f64::from(DRAWS);
            prop_assert!((share - probability).abs() <= bound, "{words:?}: {share}, expected {probability}");
        }
    }

    #[test]
    fn n_best_are_the_cheapest_distinct_word_sequences(lattice in lattice(), n in 1..20usize) {
        let mut lowest: BTreeMap<Vec<u32>, f64> = BTreeMap::new();
        for path in paths(&lattice) {
            let best = lowest.entry(words(&lattice, &path)).or_insert(f64::INFINITY);
            *best = best.min(cost(&lattice, &path));
        }
        let found = lattice.n_best(n);
        let expected = support::sorted(lowest.values().copied());
        let costs: Vec<f64> = found.iter().map(|path| path.cost()).collect();
        prop_assert_eq!(&costs, &expected[..n.min(expected.len())]);
        for path in &found {
            prop_assert_eq!(path.cost(), lowest.remove(&path.labels()).expect("a sequence comes once"));
        }
        prop_assert_eq!(costs[0], lattice.best_path().cost());
    }

    #[test]
    fn at_other_costs_the_best_words_are_those_of_a_cheapest_path(
        lattice in lattice(),
        acoustic in 1..17u32,
        word in -16..17i32,
    ) {
        let rescoring = Rescoring { acoustic: f64::from(acoustic) / 8.0, word: f64::from(word) / 8.0 };
        // All costs are whole numbers of 64ths, so sums are exact.
        let cost = |path: &[usize]| -> f64 {
            let arcs = path.iter().map(|place| lattice.arcs()[*place]);
            arcs.map(|arc| {
                let of_word = if arc.word > 0 { rescoring.word } else { 0.0 };
                arc.graph + of_word + rescoring.acoustic * arc.acoustic
            })
            .sum()
        };
        let paths = paths(&lattice);
        let least = paths.iter().map(|path| cost(path)).fold(f64::INFINITY, f64::min);
        let found = lattice.best_labels(rescoring);
        prop_assert!(paths.iter().any(|path| cost(path) == least && words(&lattice, path) == found));
        prop_assert_eq!(lattice.best_labels(Rescoring::NONE), lattice.best_path().labels());
    }

    #[test]
    fn posteriors_are_the_shares_of_paths_and_sum_to_one_on_every_cut(lattice in lattice(), scale in 0.05..2.0f64) {
        let posteriors = lattice.posteriors(scale).expect("a valid scale");
        let mut shares = vec![0.0; lattice.arcs().len()];
        let mut total = 0.0;
        for path in paths(&lattice) {
            let weight = (-scale * cost(&lattice, &path)).exp();
            path.iter().for_each(|place| shares[*place] += weight);
            total += weight;
        }
        for (posterior, share) in posteriors.arcs.iter().zip(&shares) {
            prop_assert!(is_near(*posterior, share / total), "{posterior} {}", share / total);
        }
        prop_assert!(is_near(posteriors.total_cost, -f64::ln(total)));
        for cut in 1..lattice.nodes().len() {
            let across = lattice.arcs().iter().zip(&posteriors.arcs).filter(|(arc, _)| arc.from < cut && arc.to >= cut);
            prop_assert!(is_near(across.map(|(_, posterior)| posterior).sum(), 1.0));
        }
    }

    #[test]
    fn a_words_confidence_is_its_largest_share_of_paths_at_any_of_its_frames(lattice in lattice()) {
        let best = lattice.best_path();
        let posteriors = lattice.posteriors(0.5).expect("a valid scale");
        let confidences = lattice.confidences(&best, &posteriors);
        for (word, confidence) in best.words.iter().zip(confidences) {
            // Nodes are one frame apart, so their numbers are frames.
            let share = |frame| {
                let arcs = lattice.arcs().iter().zip(&posteriors.arcs);
                let said = arcs.filter(|(arc, _)| arc.word == word.word && (arc.from..arc.to).contains(&frame));
                said.map(|(_, posterior)| posterior).sum::<f64>()
            };
            let expected = word.frames.clone().map(share).fold(0.0, f64::max);
            prop_assert!(is_near(confidence, expected.min(1.0)), "{confidence} {expected}");
        }
    }

    #[test]
    fn the_oracle_has_the_fewest_errors_of_all_paths(
        lattice in lattice(), reference in prop::collection::vec(1..4u32, 0..6),
    ) {
        let fewest = paths(&lattice).iter().map(|path| distance(&words(&lattice, path), &reference)).min();
        let oracle = lattice.oracle(&reference);
        prop_assert_eq!(Some(oracle.errors), fewest);
        prop_assert_eq!(distance(&oracle.words, &reference), oracle.errors);
        prop_assert!(paths(&lattice).iter().any(|path| words(&lattice, path) == oracle.words));
    }
}

#[test]
fn a_lattice_with_an_arc_backwards_or_a_dead_end_is_refused() {
    let nodes: Vec<_> = (0..3).map(|frame| LatticeNode { frame }).collect();
    let arc = |from, to| LatticeArc { from, to, word: 1, graph: 0.0, acoustic: 0.0 };
    let error = Lattice::new(nodes.clone(), vec![arc(0, 2), arc(2, 1)]).expect_err("backwards");
    assert!(error.to_string().contains("the end of arc 1"), "{error}");
    let error = Lattice::new(nodes.clone(), vec![arc(0, 2), arc(0, 1)]).expect_err("a dead end");
    assert!(error.to_string().contains("a node that no path"), "{error}");
    let error = Lattice::new(nodes, vec![arc(0, 3)]).expect_err("out of range");
    assert!(matches!(error, Error::OutOfRange { what: "node", index: 3, count: 3 }), "{error}");
}
