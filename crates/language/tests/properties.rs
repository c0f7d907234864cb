//! What holds for models of any text.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use stentor_language::{Counts, Model, Vocabulary, WordId, arpa, estimate, interpolate, prune, tune_weights};

const WORDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Sentences of few words, so that n-grams occur several times.
fn texts() -> impl Strategy<Value = String> {
    let word = (0..WORDS.len(), 0..WORDS.len()).prop_map(|(a, b)| WORDS[a.min(b)]);
    let sentence = prop::collection::vec(word, 1..9).prop_map(|words| words.join(" "));
    prop::collection::vec(sentence, 1..40).prop_map(|sentences| sentences.join("\n"))
}

fn model(text: &str, order: usize) -> Model {
    let mut counts = Counts::new(Vocabulary::with_unknown(), order).unwrap();
    counts.add_text(text.as_bytes()).unwrap();
    estimate(&counts).unwrap().model
}

/// A model of the words of `WORDS`, whether the text has them or not.
fn model_of_all_words(text: &str, order: usize) -> Model {
    let list = WORDS.join("\n");
    let mut counts = Counts::closed(Vocabulary::read(list.as_bytes()).unwrap(), order).unwrap();
    counts.add_text(text.as_bytes()).unwrap();
    estimate(&counts).unwrap().model
}

/// The largest difference from 1 of the sum of the probabilities of all words, over all histories of the model and the empty one.
fn worst_sum(model: &Model) -> f64 {
    let histories = (1..model.order()).flat_map(|order| model.ngrams(order)).map(|ngram| ngram.words);
    let sum = |history: Vec<WordId>| {
        let words = model.vocabulary().ids().filter(|word| *word != WordId::BEGIN);
        words.map(|word| 10_f64.powf(model.score(&history, word))).sum::<f64>()
    };
    histories.chain([Vec::new()]).map(|history| (sum(history) - 1.0).abs()).fold(0.0, f64::max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn after_every_history_the_probabilities_sum_to_1(text in texts(), order in 1..5_usize) {
        prop_assert!(worst_sum(&model(&text, order)) < 1e-5);
    }

    #[test]
    fn a_model_that_is_written_and_read_is_the_same(text in texts(), order in 1..5_usize) {
        let model = model(&text, order);
        let mut written = Vec::new();
        arpa::write(&model, &mut written).unwrap();
        prop_assert_eq!(arpa::read(&written[..]).unwrap(), model);
    }

    #[test]
    fn changed_bytes_of_a_file_give_a_model_or_an_error(
        text in texts(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = Vec::new();
        arpa::write(&model(&text, 3), &mut bytes).unwrap();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(model) = arpa::read(&bytes[..]) {
            let mut written = Vec::new();
            arpa::write(&model, &mut written).unwrap();
            prop_assert_eq!(arpa::read(&written[..]).unwrap(), model);
        }
    }

    #[test]
    fn states_have_the_probabilities_of_their_histories(text in texts(), order in 1..5_usize) {
        let model = model(&text, order);
        for line in text.lines() {
            let (mut state, mut history) = (model.start(), vec![WordId::BEGIN]);
            for word in line.split(' ').map(|word| model.vocabulary().id(word).unwrap()) {
                let (next, log_prob) = model.advance(state, word);
                prop_assert!((log_prob - model.score(&history, word)).abs() < 1e-9);
                prop_assert!((model.finish(next) - model.advance(next, WordId::END).1).abs() < 1e-9);
                history.push(word);
                state = next;
            }
        }
    }

    #[test]
    fn pruning_leaves_sums_of_1_and_with_the_threshold_0_everything(text in texts(), threshold in 0.0..0.05) {
        let model = model(&text, 3);
        let pruned = prune(&model, threshold).unwrap();
        prop_assert!(worst_sum(&pruned.model) < 1e-5);
        for order in 1..=3 {
            prop_assert_eq!(model.len_of(order) - pruned.model.len_of(order), pruned.removed[order - 1]);
        }
        let unpruned = prune(&model, 0.0).unwrap();
        prop_assert_eq!(unpruned.model, model);
        prop_assert_eq!(unpruned.perplexity_change, 0.0);
    }

    #[test]
    fn a_mixture_has_sums_of_1_and_with_the_weight_1_is_the_model(one in texts(), other in texts(), weight in 0.01..0.99_f64) {
        let (one, other) = (model_of_all_words(&one, 3), model_of_all_words(&other, 2));
        prop_assert_eq!(&interpolate(&[&one, &other], &[1.0, 0.0]).unwrap(), &one);
        prop_assert_eq!(&interpolate(&[&one, &other], &[0.0, 1.0]).unwrap(), &other);
        let mixture = interpolate(&[&one, &other], &[weight, 1.0 - weight]).unwrap();
        prop_assert!(worst_sum(&mixture) < 1e-5);
        for ngram in (1..=3).flat_map(|order| mixture.ngrams(order)) {
            let (&word, history) = ngram.words.split_last().unwrap();
            if word != WordId::BEGIN {
                let [p, q] = [&one, &other].map(|model| 10_f64.powf(model.score(history, word)));
                let found = 10_f64.powf(ngram.log_prob.into());
                prop_assert!((found - weight * p - (1.0 - weight) * q).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn tuned_weights_predict_the_text_at_least_as_well_as_any_others(
        one in texts(), other in texts(), held_out in texts(), weight in 0.01..0.99_f64,
    ) {
        let (one, other) = (model_of_all_words(&one, 2), model_of_all_words(&other, 2));
        let tuned = tune_weights(&[&one, &other], held_out.as_bytes()).unwrap();
        prop_assert!((tuned.weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let (mut log_prob, mut words) = (0.0, 0);
        for line in held_out.lines() {
            let mut states = [one.start(), other.start()];
            let ids = line.split(' ').map(|word| one.vocabulary().id(word).unwrap());
            for word in ids.chain([WordId::END]) {
                let [(first, p), (second, q)] = [one.advance(states[0], word), other.advance(states[1], word)];
                log_prob += (weight * 10_f64.powf(p) + (1.0 - weight) * 10_f64.powf(q)).ln();
                states = [first, second];
                words += 1;
            }
        }
        let others = (-log_prob / f64::from(words)).exp();
        prop_assert!(tuned.perplexity <= others * (1.0 + 1e-5), "{tuned:?} {others}");
    }
}

#[test]
fn models_with_different_words_are_not_mixed() {
    let error = interpolate(&[&model("a b", 2), &model("a c", 2)], &[0.5, 0.5]).unwrap_err();
    assert!(error.to_string().contains("found `b` in one of the models 1 and 2 only"), "{error}");
}

#[test]
fn weights_that_are_no_shares_are_refused() {
    let (one, other) = (model("a", 1), model("a", 1));
    for weights in [&[0.5][..], &[0.5, 0.6], &[1.5, -0.5], &[f64::NAN, 1.0]] {
        let error = interpolate(&[&one, &other], weights).unwrap_err();
        assert!(error.to_string().starts_with("expected 2 weights"), "{error}");
    }
}
