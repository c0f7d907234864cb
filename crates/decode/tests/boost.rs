//! Boosted phrases: what they do to sentences, and to a search.

mod support;

use proptest::prelude::*;
use stentor_decode::{Boosted, Error, Options, Phrase, Phrases, Tree, TreeNetwork, UniformModel, WordModel};
use support::words::{WORDS, bigrams, lexicon, topology};
use support::{frames, is_near, search};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn boosted_phrases_change_whole_sentences_by_what_they_complete_and_nothing_else(
        phrases in prop::collection::vec((prop::collection::vec(1..=WORDS, 1..4), -2.0..5.0f64), 0..6),
        sentence in prop::collection::vec(1..=WORDS, 0..12), model in bigrams(),
    ) {
        let listed: Vec<Phrase> = phrases.into_iter().map(|(words, boost)| Phrase { words, boost }).collect();
        let compiled = Phrases::new(&listed).expect("valid");
        let boosted = Boosted { model: &model, phrases: &compiled };
        let expected: f64 = listed
            .iter()
            .map(|Phrase { words, boost }| {
                boost * sentence.windows(words.len()).filter(|said| said == words).count() as f64
            })
            .sum();
        prop_assert!(is_near(cost(&boosted, &sentence), cost(&model, &sentence) - expected));
    }

    #[test]
    fn a_boosted_tree_search_ranks_sentences_by_their_boosted_costs(
        lexicon in lexicon(), model in bigrams(), frames in frames(4, 1..5), boost in 0.0..5.0f64,
    ) {
        let phrases = Phrases::new(&[Phrase { words: vec![1, 2], boost }, Phrase { words: vec![2], boost: 1.0 }]);
        let phrases = phrases.expect("valid");
        let topology = topology();
        let tree = Tree::new(&lexicon, &topology, |_| 0.0).expect("finite");
        let plain = TreeNetwork { tree: &tree, model: &model };
        let boosted_model = Boosted { model: &model, phrases: &phrases };
        let boosted = TreeNetwork { tree: &tree, model: &boosted_model };
        let Some(plain) = search(&plain, &frames, Options::exhaustive()) else { return Ok(()) };
        let boosted = search(&boosted, &frames, Options::exhaustive()).expect("the same paths");
        prop_assert_eq!(plain.reached_final, boosted.reached_final);
        prop_assume!(plain.reached_final);
        for path in boosted.lattice.n_best(usize::MAX) {
            let words = path.labels();
            let gain = boost * words.windows(2).filter(|said| **said == [1, 2]).count() as f64
                + words.iter().filter(|word| **word == 2).count() as f64;
            let unboosted = plain.lattice.path_of(&words).expect("the same sequences");
            prop_assert!(is_near(path.cost(), unboosted.cost() - gain));
        }
    }
}

fn cost<M: WordModel>(model: &M, sentence: &[u32]) -> f64 {
    let mut state = model.start();
    let mut sum = 0.0;
    for word in sentence {
        let (next, cost) = model.advance(state, *word);
        state = next;
        sum += cost;
    }
    sum + model.finish(state)
}

#[test]
fn a_phrase_gets_credit_while_it_is_said_and_loses_it_when_it_comes_to_nothing() {
    let phrases = Phrases::new(&[Phrase { words: vec![1, 2, 3], boost: 6.0 }]).expect("valid");
    let silent = UniformModel { cost: 0.0 };
    let boosted = Boosted { model: &silent, phrases: &phrases };
    let mut state = boosted.start();
    let mut costs = Vec::new();
    for word in [1, 2, 1, 2, 3] {
        let (next, cost) = boosted.advance(state, word);
        state = next;
        costs.push(cost);
    }
    assert_eq!(costs, [-2.0, -2.0, 2.0, -2.0, -2.0]);
    assert_eq!(boosted.finish(state), 0.0);
}

#[test]
fn a_phrase_without_words_and_a_boost_that_is_not_finite_are_refused() {
    let error = Phrases::new(&[Phrase { words: vec![], boost: 1.0 }]).expect_err("no words");
    assert_eq!(error.to_string(), "phrase 0 is empty");
    let error = Phrases::new(&[Phrase { words: vec![1], boost: f64::NAN }]).expect_err("NaN");
    assert!(matches!(error, Error::Value { .. }), "{error}");
}
