//! The prefix tree against the static graph of the same lexicon and language model, and both against enumeration.

mod support;

use proptest::prelude::*;
use stentor_decode::{
    Context, Error, Hmm, Lexicon, Next, Options, Pronunciation, Silence, Topology, Tree, TreeNetwork,
    Triphone, UniformModel, static_graph,
};
use support::words::{Bigrams, OUTPUTS, PHONES, WORDS, bigrams, lexicon, sentences, tied, topology};
use support::{frames, is_near, search};

/// Searches tree and static graph without pruning, and compares all word sequences that they find with all that there are.
fn check(
    lexicon: &Lexicon,
    topology: &Topology,
    model: &Bigrams,
    ahead: &[f64],
    frames: &[Vec<f32>],
) -> Result<(), TestCaseError> {
    let expected = sentences(lexicon, topology, model, frames);
    let tree = Tree::new(lexicon, topology, |word| ahead[word as usize - 1]).expect("finite");
    let of_tree = search(&TreeNetwork { tree: &tree, model }, frames, Options::exhaustive());
    let graph = static_graph(lexicon, topology, model, 100_000).expect("small");
    let of_graph = search(&graph, frames, Options::exhaustive());
    for outcome in [of_tree, of_graph] {
        let Some(outcome) = outcome.filter(|outcome| outcome.reached_final) else {
            prop_assert!(expected.is_empty());
            continue;
        };
        let lowest = expected.values().copied().fold(f64::INFINITY, f64::min);
        prop_assert!(is_near(outcome.lattice.best_path().cost(), lowest));
        let found = outcome.lattice.n_best(usize::MAX);
        prop_assert_eq!(found.len(), expected.len());
        for path in found {
            prop_assert!(is_near(path.cost(), expected[&path.labels()]));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn tree_and_static_graph_find_all_word_sequences_at_their_lowest_costs_with_any_look_ahead(
        lexicon in lexicon(), model in bigrams(), ahead in prop::collection::vec(0.0..5.0f64, WORDS as usize),
        frames in frames(OUTPUTS, 0..5),
    ) {
        check(&lexicon, &topology(), &model, &ahead, &frames)?;
    }

    #[test]
    fn phones_with_context_are_those_of_the_whole_sequence_of_phones_across_words_and_pauses(
        lexicon in lexicon(), topology in tied(), model in bigrams(),
        ahead in prop::collection::vec(0.0..5.0f64, WORDS as usize), frames in frames(OUTPUTS, 0..5),
    ) {
        check(&lexicon, &topology, &model, &ahead, &frames)?;
    }

    #[test]
    fn contexts_that_make_no_difference_cost_nothing(lexicon in lexicon()) {
        let independent = topology();
        let outputs: Vec<Vec<u32>> = (0..PHONES)
            .map(|centre| independent.model(Triphone { left: 0, centre, right: 0 }).expect("valid"))
            .collect();
        let hmms = (0..PHONES).map(|phone| independent.hmm(phone).clone()).collect();
        let tied = Topology::tied(hmms, Context::AcrossWords, 0, 0.8, move |of| outputs[of.centre as usize].clone()).expect("valid");
        let size = |topology| {
            let tree = Tree::new(&lexicon, topology, |_| 0.0).expect("finite");
            let graph = static_graph(&lexicon, topology, &UniformModel { cost: 1.0 }, 100_000).expect("small");
            (tree.len(), tree.arcs(), graph.len())
        };
        prop_assert_eq!(size(&tied), size(&independent));
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
        let topology = Topology::independent(vec![(phone, vec![0, 1, 2])], 1.0).expect("valid");
        let pronunciations = vec![Pronunciation { word: 1, phones: vec![0], cost: 0.0 }];
        let lexicon = Lexicon::new(pronunciations, None, &topology).expect("valid");
        let tree = Tree::new(&lexicon, &topology, |_| 0.0).expect("finite");
        let network = TreeNetwork { tree: &tree, model: &UniformModel { cost: 0.0 } };
        search(&network, &frames, Options::default()).expect("paths").reached_final
    };
    assert!(reaches_final(Hmm::skipping(3, 0.4).expect("valid")));
    assert!(!reaches_final(Hmm::linear(3, 0.4).expect("valid")));
}

#[test]
fn phones_that_are_never_left_and_probabilities_that_do_not_sum_to_one_are_refused() {
    let first = || vec![(0, 1.0)];
    let error = Hmm::new(first(), vec![vec![(Next::State(0), 1.0)]]).expect_err("a trap");
    assert!(error.to_string().contains("never left"), "{error}");
    let error = Hmm::new(first(), vec![vec![(Next::Exit, 0.7)]]).expect_err("0.3 is missing");
    assert!(error.to_string().contains("sum to 0.7"), "{error}");
    let error = Hmm::new(vec![(0, 0.5)], vec![vec![(Next::Exit, 1.0)]]).expect_err("half of the entries");
    assert!(error.to_string().contains("the entry of a phone's model"), "{error}");
    let error = Hmm::new(vec![(1, 1.0)], vec![vec![(Next::Exit, 1.0)]]).expect_err("no second state");
    assert!(matches!(error, Error::OutOfRange { index: 1, count: 1, .. }), "{error}");
    let error = Hmm::linear(0, 0.5).expect_err("no state");
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
fn a_triphone_with_more_outputs_than_states_is_named() {
    let phones = || vec![Hmm::linear(1, 0.5).expect("valid"), Hmm::linear(1, 0.5).expect("valid")];
    let topology =
        Topology::tied(phones(), Context::AcrossWords, 0, 1.0, |of| vec![0; 1 + of.right as usize])
            .expect("valid");
    let said = |word, phones| Pronunciation { word, phones, cost: 0.0 };
    let lexicon = Lexicon::new(vec![said(1, vec![0, 1])], None, &topology).expect("valid");
    let error = Tree::new(&lexicon, &topology, |_| 0.0).expect_err("two outputs before phone 1");
    assert_eq!(error.to_string(), "phone 0 between 0 and 1 has 2 outputs, but 1 states");
    let error = static_graph(&lexicon, &topology, &UniformModel { cost: 1.0 }, 100).expect_err("as above");
    assert!(matches!(error, Error::Outputs { expected: 1, found: 2, .. }), "{error}");
    let error = Topology::tied(phones(), Context::AcrossWords, 2, 1.0, |_| vec![0]).expect_err("no phone 2");
    assert!(matches!(error, Error::OutOfRange { index: 2, count: 2, .. }), "{error}");
    let error = Topology::independent(vec![(Hmm::linear(2, 0.5).expect("valid"), vec![0])], 1.0);
    assert!(matches!(error, Err(Error::Outputs { expected: 2, found: 1, .. })), "{error:?}");
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
