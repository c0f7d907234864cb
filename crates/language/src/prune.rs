//! Pruning by relative entropy.
//!
//! A. Stolcke, "Entropy-based Pruning of Backoff Language Models", Proc. DARPA Broadcast News Transcription and Understanding
//! Workshop, 1998, section 3. Without the n-gram h w, the model p becomes p′, and the relative entropy between both is
//!
//! D(p ‖ p′) = −p(h) { p(w | h) [ln p(w | h′) + ln b′(h) − ln p(w | h)] + [ln b′(h) − ln b(h)] Σ_v p(v | h) },
//!
//! where the sum is over the words v that are not listed after h, and b′(h) is the back-off weight of h without h w. The
//! perplexity rises by the factor exp D(p ‖ p′). p(h) is the product of the probabilities of the words of h. In models
//! with Kneser-Ney smoothing, whose shorter n-grams have probabilities for backing off only, p(h) is inexact, and so are the
//! changes predicted (C. Chelba et al., "Study on Interaction between Entropy Pruning and Kneser-Ney Smoothing", 2010).

use crate::backoff::{self, Unlisted};
use crate::builder::Builder;
use crate::entry::Entry;
use crate::{Error, Model, WordId};

/// A model with fewer n-grams.
#[derive(Debug, Clone)]
pub struct Pruned {
    /// The model.
    pub model: Model,
    /// How many n-grams of each order were removed, 1-grams first; of those always none.
    pub removed: Vec<usize>,
    /// The relative change of the perplexity that is predicted: 0.02 if it rises by 2 %.
    pub perplexity_change: f64,
}

/// Removes all n-grams of which each alone raises the perplexity relatively by less than `threshold`, the longest first.
/// N-grams that are one that remains without its last or without its first word stay: ARPA files have all histories, and some
/// programs (MITLM) also expect all suffixes. With the threshold 0, nothing is removed.
///
/// # Errors
/// [`Error::Threshold`].
pub fn prune(model: &Model, threshold: f64) -> Result<Pruned, Error> {
    if !(threshold.is_finite() && threshold >= 0.0) {
        return Err(Error::Threshold { found: threshold });
    }
    let nodes = &model.nodes;
    let log_probs = history_log_probs(model);
    let mut keeps = vec![true; nodes.len()];
    let mut is_suffix = vec![false; nodes.len()];
    let mut removed = vec![0; model.order()];
    let mut entropy = 0.0;
    for order in (2..=model.order()).rev() {
        for history in nodes.level(order - 1) {
            let unlisted = Unlisted::of(model, history as u32);
            for child in nodes.children(history as u32) {
                let is_needed = is_suffix[child] || nodes.children(child as u32).any(|longer| keeps[longer]);
                let change =
                    relative_entropy(model, history as u32, child, unlisted) * log_probs[history].exp();
                // A model from elsewhere may have back-off weights with which nothing can be predicted.
                if !is_needed && change.is_finite() && change.max(0.0).exp_m1() < threshold {
                    keeps[child] = false;
                    removed[order - 1] += 1;
                    entropy += change;
                } else {
                    is_suffix[nodes.shorter[child] as usize] = true;
                }
            }
        }
    }
    let model =
        if removed.iter().any(|&number| number > 0) { without(model, &keeps)? } else { model.clone() };
    Ok(Pruned { model, removed, perplexity_change: entropy.exp_m1() })
}

/// ln p(h) of each node as a history: the product of the probabilities of its words, without `<s>` at its beginning, which is not
/// predicted.
fn history_log_probs(model: &Model) -> Vec<f64> {
    let nodes = &model.nodes;
    let mut log_probs = vec![0.0; nodes.len()];
    for node in 0..nodes.len() as u32 {
        for child in nodes.children(node) {
            let is_begin = node == Builder::ROOT && nodes.words[child] == WordId::BEGIN;
            let own = if is_begin { 0.0 } else { ln(nodes.log_probs[child].into()) };
            log_probs[child] = log_probs[node as usize] + own;
        }
    }
    log_probs
}

/// D(p ‖ p′) / p(h), where p′ lacks the n-gram `child` of the history h.
fn relative_entropy(model: &Model, history: u32, child: usize, unlisted: Unlisted) -> f64 {
    let nodes = &model.nodes;
    let log_prob = f64::from(nodes.log_probs[child]);
    let lower = nodes.find(nodes.shorter[history as usize], nodes.words[child]).1;
    let without =
        Unlisted { own: unlisted.own + 10_f64.powf(log_prob), lower: unlisted.lower + 10_f64.powf(lower) };
    let after = ln(without.log_backoff());
    let of_the_word = 10_f64.powf(log_prob) * (ln(lower) + after - ln(log_prob));
    // Without unlisted words, the weight was not used before.
    let of_the_others = (after - ln(unlisted.log_backoff())) * unlisted.own.max(0.0);
    -(of_the_word + of_the_others)
}

/// The natural logarithm of a number of which the argument is the decimal one.
fn ln(log10: f64) -> f64 {
    log10 * std::f64::consts::LN_10
}

fn without(model: &Model, keeps: &[bool]) -> Result<Model, Error> {
    let nodes = &model.nodes;
    let mut builder = Builder::new(model.vocabulary().clone());
    let mut places = vec![Builder::ROOT; nodes.len()];
    for order in 1..=model.order() {
        let (mut kept, mut entries) = (Vec::new(), Vec::new());
        for history in nodes.level(order - 1) {
            for child in nodes.children(history as u32).filter(|&child| keeps[child]) {
                kept.push(child);
                entries.push(Entry {
                    history: places[history],
                    word: nodes.words[child],
                    log_prob: nodes.log_probs[child],
                    backoff: 0.0,
                });
            }
        }
        for (child, place) in kept.into_iter().zip(builder.push(&entries)?) {
            places[child] = place;
        }
    }
    let mut model = builder.finish();
    backoff::normalise(&mut model);
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Counts, State, Vocabulary, estimate};

    fn model() -> Model {
        let mut counts = Counts::new(Vocabulary::with_unknown(), 2).unwrap();
        counts.add_text("a b c\na c b a\nb b c\na b\nc a c\na a b c\n".as_bytes()).unwrap();
        estimate(&counts).unwrap().model
    }

    /// Σ_h p(h) Σ_w p(w | h) ln(p(w | h) / p′(w | h)) over the histories of one word.
    fn relative_entropy(before: &Model, after: &Model) -> f64 {
        let mut sum = 0.0;
        for history in before.vocabulary().ids() {
            let is_begin = history == WordId::BEGIN;
            let weight = if is_begin { 1.0 } else { 10_f64.powf(before.score(&[], history)) };
            for word in before.vocabulary().ids().skip(1) {
                let [p, q] = [before, after].map(|model| model.score(&[history], word));
                sum += weight * 10_f64.powf(p) * ln(p - q);
            }
        }
        sum
    }

    #[test]
    fn the_predicted_change_is_the_relative_entropy_between_both_models() {
        let model = model();
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            let removed: usize = prune(&model, middle).unwrap().removed.iter().sum();
            *if removed == 0 { &mut low } else { &mut high } = middle;
        }
        let pruned = prune(&model, high).unwrap();
        assert_eq!(pruned.removed, [0, 1], "the one that matters least");
        let exact = relative_entropy(&model, &pruned.model).exp_m1();
        assert!((pruned.perplexity_change - exact).abs() < 1e-6, "{} {exact}", pruned.perplexity_change);
    }

    #[test]
    fn a_high_threshold_leaves_the_1_grams_only() {
        let model = model();
        let pruned = prune(&model, 1e9).unwrap();
        assert_eq!((pruned.model.len_of(1), pruned.model.len_of(2)), (model.len_of(1), 0));
        let start: State = pruned.model.start();
        assert_eq!(start, pruned.model.empty(), "no history makes a difference any more");
    }

    #[test]
    fn a_threshold_below_0_or_without_a_value_is_refused() {
        for threshold in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(prune(&model(), threshold), Err(Error::Threshold { .. })));
        }
    }
}
