//! The prefix tree against the static graph of the same lexicon and language model, and both against enumeration.

mod support;

use proptest::prelude::*;
use stentor_decode::{
    Error, Hmm, HmmState, Lexicon, Network, Next, Options, Pronunciation, Silence, Topology, Tree,
    TreeNetwork, UniformModel, static_graph,
};
use support::words::{WORDS, bigrams, lexicon, topology};
use support::{enumerate, frames, is_near, search};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn tree_and_static_graph_find_the_same_words_at_the_same_costs_with_any_look_ahead(
        lexicon in lexicon(), model in bigrams(), ahead in prop::collection::vec(0.0..5.0f64, WORDS as usize),
        frames in frames(4, 0..5),
    ) {
        let topology = topology();
        let tree = Tree::new(&lexicon, &topology, |word| ahead[word as usize - 1]).expect("finite");
        let network = TreeNetwork { tree: &tree, model: &model };
        let graph = static_graph(&lexicon, &topology, &model, 10_000).expect("small");
        let expected = enumerate(&graph, &frames, |state| graph.final_cost(state));
        let (Some(of_tree), Some(of_graph)) =
            (search(&network, &frames, Options::exhaustive()), search(&graph, &frames, Options::exhaustive()))
        else {
            prop_assert!(expected.is_empty());
            return Ok(());
        };
        prop_assert_eq!(of_tree.reached_final, of_graph.reached_final);
        prop_assume!(of_graph.reached_final);
        prop_assert!(is_near(of_tree.lattice.best_path().cost(), of_graph.lattice.best_path().cost()));
        for outcome in [of_tree, of_graph] {
            let found = outcome.lattice.n_best(usize::MAX);
            prop_assert_eq!(found.len(), expected.len());
            for path in found {
                prop_assert!(is_near(path.cost(), expected[&path.labels()]));
            }
        }
    }
}

#[test]
fn pauses_are_no_words_and_take_no_time_from_them() {
    let topology = topology();
    let pronunciations = vec![Pronunciation { word: 1, phones: vec![1], cost: 0.0 }];
    let silence = Some(Silence { phone: 0, probability: 0.5 });
    let lexicon = Lexicon::new(pronunciations, silence, &topology).expect("valid");
    let tree = Tree::new(&lexicon, &topology, |_| 0.0).expect("finite");
    let model = UniformModel { cost: 1.0 };
    let frame =
        |output: usize| (0..4).map(|other| if other == output { 0.0 } else { 9.0 }).collect::<Vec<f32>>();
    let frames: Vec<_> = [0, 0, 1, 2, 2, 0, 1, 2, 0].into_iter().map(frame).collect();
    let outcome =
        search(&TreeNetwork { tree: &tree, model: &model }, &frames, Options::default()).expect("paths");
    let best = outcome.lattice.best_path();
    let words: Vec<_> = best.words.iter().map(|word| (word.word, word.frames.clone())).collect();
    assert_eq!(words, [(1, 2..5), (1, 6..8)]);
}

#[test]
fn a_phone_of_three_states_that_may_be_left_out_takes_a_single_frame_and_one_whose_states_follow_in_order_does_not()
 {
    let frames = [vec![0.0; 3]];
    let reaches_final = |phone: Hmm| {
        let topology = Topology { phones: vec![phone], scale: 1.0 };
        let pronunciations = vec![Pronunciation { word: 1, phones: vec![0], cost: 0.0 }];
        let lexicon = Lexicon::new(pronunciations, None, &topology).expect("valid");
        let tree = Tree::new(&lexicon, &topology, |_| 0.0).expect("finite");
        let network = TreeNetwork { tree: &tree, model: &UniformModel { cost: 0.0 } };
        search(&network, &frames, Options::default()).expect("paths").reached_final
    };
    assert!(reaches_final(Hmm::skipping(&[0, 1, 2], 0.4).expect("valid")));
    assert!(!reaches_final(Hmm::linear(&[0, 1, 2], 0.4).expect("valid")));
}

#[test]
fn phones_that_are_never_left_and_probabilities_that_do_not_sum_to_one_are_refused() {
    let state = |transitions| vec![HmmState { output: 0, transitions }];
    let error = Hmm::new(state(vec![(Next::State(0), 1.0)])).expect_err("a trap");
    assert!(error.to_string().contains("never left"), "{error}");
    let error = Hmm::new(state(vec![(Next::Exit, 0.7)])).expect_err("0.3 is missing");
    assert!(error.to_string().contains("sum to 0.7"), "{error}");
    let error = Hmm::linear(&[], 0.5).expect_err("no state");
    assert!(matches!(error, Error::Empty { .. }), "{error}");
}

#[test]
fn words_without_phones_and_phones_without_models_are_refused() {
    let lexicon = |phones: Vec<u32>| {
        Lexicon::new(vec![Pronunciation { word: 1, phones, cost: 0.0 }], None, &topology()).map(|_| ())
    };
    let error = lexicon(vec![]).expect_err("no phone");
    assert_eq!(error.to_string(), "pronunciation 0 is empty");
    let error = lexicon(vec![9]).expect_err("unknown");
    assert_eq!(error.to_string(), "phone 9 does not exist: there are 3");
}

#[test]
fn a_static_graph_that_would_be_too_large_is_refused_before_it_is_built() {
    let topology = topology();
    let pronunciations = vec![Pronunciation { word: 1, phones: vec![1, 1, 1], cost: 0.0 }];
    let lexicon = Lexicon::new(pronunciations, None, &topology).expect("valid");
    let model = UniformModel { cost: 1.0 };
    let error = static_graph(&lexicon, &topology, &model, 5).expect_err("more than 5 states");
    assert!(matches!(error, Error::TooLarge { allowed: 5 }), "{error}");
}
