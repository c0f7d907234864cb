//! The search against exhaustive enumeration, and how it ends, settles and fails.

mod support;

use proptest::prelude::*;
use stentor_decode::{Arc, Error, Graph, GraphBuilder, Labels, Network, Options, Search};
use support::{enumerate, is_near, search, sorted, world};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn an_unpruned_search_finds_the_best_path_and_every_word_sequence_at_its_lowest_cost(
        world in world(), labels in prop_oneof![Just(Labels::AtStart), Just(Labels::AtEnd)],
    ) {
        let graph = world.graph.with_labels(labels);
        let mut expected = enumerate(&graph, &world.frames, |state| graph.final_cost(state));
        let is_final = !expected.is_empty();
        if !is_final {
            expected = enumerate(&graph, &world.frames, |_| 0.0);
        }
        let Some(outcome) = search(&graph, &world.frames, Options::exhaustive()) else {
            prop_assert!(expected.is_empty());
            return Ok(());
        };
        prop_assert_eq!(outcome.reached_final, is_final);
        let lowest = expected.values().copied().fold(f64::INFINITY, f64::min);
        prop_assert_eq!(outcome.lattice.best_path().cost(), lowest);
        let found = outcome.lattice.n_best(expected.len() + 1);
        prop_assert_eq!(found.len(), expected.len());
        for path in &found {
            prop_assert_eq!(Some(&path.cost()), expected.get(&path.labels()));
        }
        prop_assert!(found.is_sorted_by(|a, b| a.cost() <= b.cost()));
    }

    #[test]
    fn a_lattice_that_is_pruned_at_every_frame_keeps_all_sequences_within_its_beam(
        world in world(), lattice_beam in 0.0..8.0f64,
    ) {
        let graph = world.graph;
        let expected = enumerate(&graph, &world.frames, |state| graph.final_cost(state));
        prop_assume!(!expected.is_empty());
        let options = Options { lattice_beam, prune_interval: 1, ..Options::exhaustive() };
        let lattice = search(&graph, &world.frames, options).expect("there are paths").lattice;
        let lowest = expected.values().copied().fold(f64::INFINITY, f64::min);
        let within = expected.values().copied().filter(|cost| cost - lowest <= lattice_beam);
        let within = sorted(within);
        let found = sorted(lattice.n_best(within.len()).iter().map(|path| path.cost()));
        prop_assert_eq!(found, within);
    }

    #[test]
    fn every_arc_of_a_lattice_is_on_a_path_within_its_beam(
        world in world(), lattice_beam in 0.0..8.0f64,
        labels in prop_oneof![Just(Labels::AtStart), Just(Labels::AtEnd)],
    ) {
        let graph = world.graph.with_labels(labels);
        let options = Options { lattice_beam, prune_interval: 2, ..Options::exhaustive() };
        let Some(outcome) = search(&graph, &world.frames, options) else { return Ok(()) };
        let lattice = outcome.lattice;
        let count = lattice.nodes().len();
        let (mut before, mut after) = (vec![f64::INFINITY; count], vec![f64::INFINITY; count]);
        (before[0], after[count - 1]) = (0.0, 0.0);
        for arc in lattice.arcs() {
            before[arc.to] = before[arc.to].min(before[arc.from] + arc.cost());
        }
        for arc in lattice.arcs().iter().rev() {
            after[arc.from] = after[arc.from].min(arc.cost() + after[arc.to]);
        }
        for arc in lattice.arcs() {
            let slack = before[arc.from] + arc.cost() + after[arc.to] - after[0];
            prop_assert!(slack <= lattice_beam + 1e-5, "{arc:?} is {slack} worse than the best");
        }
    }

    #[test]
    fn the_partial_result_is_the_best_path_so_far(world in world()) {
        let expected = enumerate(&world.graph, &world.frames, |_| 0.0);
        prop_assume!(!expected.is_empty());
        let mut search = Search::new(&world.graph, Options::exhaustive());
        for costs in &world.frames {
            search.advance(costs).expect("there are paths");
        }
        let lowest = expected.values().copied().fold(f64::INFINITY, f64::min);
        let partial = search.partial();
        prop_assert_eq!(partial.cost(), lowest);
        prop_assert_eq!(expected[&partial.labels()], lowest);
    }
}

/// Words 1 and 2 in any order; a word has two states, and a label at its first arc.
fn two_words() -> Graph {
    let mut builder = GraphBuilder::default();
    let root = builder.add_state();
    for word in 1..=2 {
        let (first, second) = (builder.add_state(), builder.add_state());
        let input = 2 * word - 1;
        builder.add_arc(root, Arc { next: first, input, output: word, weight: 1.0 });
        builder.add_arc(first, Arc { next: first, input, output: 0, weight: 0.5 });
        builder.add_arc(first, Arc { next: second, input: input + 1, output: 0, weight: 0.25 });
        builder.add_arc(second, Arc { next: root, input: 0, output: 0, weight: 0.0 });
    }
    builder.set_final(root, 0.0).expect("the root exists");
    builder.build(root).expect("valid")
}

fn spoken(outputs: &[usize]) -> Vec<Vec<f32>> {
    let frame = |output: &usize| (0..4).map(|other| if other == *output { 0.0 } else { 6.0 }).collect();
    outputs.iter().map(frame).collect()
}

#[test]
fn words_have_the_frames_in_which_they_were_said() {
    let graph = two_words();
    let outcome = search(&graph, &spoken(&[0, 0, 1, 2, 3]), Options::default()).expect("there are paths");
    let path = outcome.lattice.best_path();
    assert!(outcome.reached_final);
    let words: Vec<_> = path.words.iter().map(|word| (word.word, word.frames.clone())).collect();
    assert_eq!(words, [(1, 0..3), (2, 3..5)]);
    assert_eq!((path.words[0].graph, path.words[0].acoustic), (1.75, 0.0));
}

#[test]
fn audio_that_ends_within_a_word_says_so_and_keeps_what_was_heard_of_it() {
    let graph = two_words();
    let options = Options { beam: 4.0, min_active: 0, ..Options::default() };
    let outcome = search(&graph, &spoken(&[0, 1, 2]), options).expect("there are paths");
    assert!(!outcome.reached_final);
    assert_eq!(outcome.lattice.best_path().labels(), [1, 2]);
}

#[test]
fn a_frame_that_no_path_survives_is_named_and_the_search_can_still_be_finished() {
    let graph = two_words();
    let mut search = Search::new(&graph, Options::default());
    search.advance(&[0.0; 4]).expect("a first frame");
    let error = search.advance(&[f32::INFINITY; 4]).expect_err("everything is impossible");
    assert!(matches!(error, Error::NoPath { frame: 1 }), "{error}");
    assert!(!search.finish().reached_final);
}

#[test]
fn a_cost_that_is_not_a_number_and_a_narrow_frame_are_refused() {
    let graph = two_words();
    let mut search = Search::new(&graph, Options::default());
    let error = search.advance(&[0.0, 0.0, f32::NAN, 0.0]).expect_err("NaN");
    assert!(matches!(error, Error::Score { frame: 0, output: 2, .. }), "{error}");
    let error = search.advance(&[0.0; 3]).expect_err("too few");
    assert_eq!(error.to_string(), "frame 0 has 3 scores, expected at least 4");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_long_stream_is_settled_in_pieces_whose_best_paths_add_up_to_that_of_the_whole(
        // Any numbers, so that no two paths cost the same.
        frames in prop::collection::vec(prop::collection::vec(0.0..9.0f32, 4), 100..200),
        labels in prop_oneof![Just(Labels::AtStart), Just(Labels::AtEnd)],
    ) {
        let graph = two_words().with_labels(labels);
        let whole = search(&graph, &frames, Options { open_frames: None, ..Options::default() }).expect("paths");
        let options = Options { open_frames: Some(20), prune_interval: 7, ..Options::default() };
        let mut search = Search::new(&graph, options);
        let mut pieces = Vec::new();
        let mut settled = 0;
        for costs in &frames {
            if let Some(piece) = search.advance(costs).expect("paths") {
                prop_assert_eq!(piece.frames.start, settled);
                prop_assert!(piece.converged);
                settled = piece.frames.end;
                pieces.push(piece.lattice.best_path());
            }
            prop_assert!(search.frames() - settled <= 60, "the history is bounded");
        }
        prop_assert!(pieces.len() >= 3);
        pieces.push(search.finish().lattice.best_path());
        let best = whole.lattice.best_path();
        prop_assert!(is_near(pieces.iter().map(|path| path.cost()).sum(), best.cost()));
        let labels: Vec<u32> = pieces.iter().flat_map(|path| path.labels()).collect();
        prop_assert_eq!(labels, best.labels());
        let ends: Vec<_> = pieces.iter().flat_map(|path| &path.words).map(|word| word.frames.clone()).collect();
        prop_assert_eq!(ends, best.words.iter().map(|word| word.frames.clone()).collect::<Vec<_>>());
    }
}
