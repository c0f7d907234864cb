//! Interpolated modified Kneser-Ney smoothing.
//!
//! S. F. Chen and J. Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling", TR-10-98, Harvard
//! University, 1998, section 3. With the history h, the same history h′ without its first word, and the adjusted counts a,
//!
//! - p(w | h) = (a(h w) − D(a(h w))) / Σ_v a(h v) + γ(h) p(w | h′),
//! - γ(h) = (D1 N1(h •) + D2 N2(h •) + D3+ N3+(h •)) / Σ_v a(h v), where N_k(h •) is the number of words v with
//!   a(h v) = k, and N3+ that of words with 3 or more.
//!
//! The adjusted count of a longest n-gram is its count. That of a shorter one is the number of different words before it
//! (its continuation count), or its count if it begins with `<s>`, before which there is no word. Below 1-grams is the uniform
//! distribution over all words that can be predicted, which include `</s>` and `<unk>`.

use crate::builder::Builder;
use crate::counts::Level;
use crate::entry::Entry;
use crate::{Counts, Discounts, Error, Fallback, Model, WordId};
use serde::Serialize;

/// A model, and how each of its orders was made.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// The model.
    pub model: Model,
    /// 1-grams first.
    pub orders: Vec<EstimatedOrder>,
}

/// The n-grams of one order of an estimated model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EstimatedOrder {
    /// Words of each n-gram.
    pub order: usize,
    /// Number of different n-grams.
    pub ngrams: usize,
    /// Numbers of n-grams with the adjusted counts 1 to 4.
    pub counts_of_counts: [u64; 4],
    /// What was taken off the counts.
    pub discounts: Discounts,
    /// Why the discounts are [`Discounts::FALLBACK`]; none if they follow from the counts of counts.
    pub fallback: Option<Fallback>,
}

/// Estimates a model.
///
/// # Errors
/// [`Error::EmptyText`] without a sentence; [`Error::TooManyNgrams`].
pub fn estimate(counts: &Counts) -> Result<Estimate, Error> {
    if counts.sentences() == 0 {
        return Err(Error::EmptyText);
    }
    let levels = counts.levels();
    let suffixes = suffixes(levels);
    let adjusted = adjusted_counts(levels, &suffixes);
    let uniform = 1.0 / counts.vocabulary().predicted() as f64;
    let mut builder = Builder::new(counts.vocabulary().clone());
    let mut orders = Vec::with_capacity(levels.len());
    // Of the n-grams of the order before: their probabilities and their places in the model.
    let (mut lower, mut places) = (Vec::new(), vec![Builder::ROOT]);
    for (index, (level, adjusted)) in levels.iter().zip(&adjusted).enumerate() {
        let order = EstimatedOrder::of(index + 1, adjusted);
        let histories = Histories::new(level, adjusted, order.discounts, places.len());
        if index > 0 {
            for (history, &place) in places.iter().enumerate() {
                builder.set_backoff(place, log10(histories.backoff(history)));
            }
        }
        let probability = |ngram: usize| {
            let history = level.histories[ngram] as usize;
            let count = adjusted[ngram];
            let lower = if index == 0 { uniform } else { lower[suffixes[index][ngram] as usize] };
            (count as f64 - order.discounts.of(count)) * histories.scale[history]
                + histories.backoff(history) * lower
        };
        let probabilities: Vec<f64> = (0..level.len()).map(probability).collect();
        let entry = |ngram: usize| Entry {
            history: places[level.histories[ngram] as usize],
            word: level.words[ngram],
            log_prob: log10(probabilities[ngram]),
            backoff: 0.0,
        };
        let mut entries: Vec<Entry> = (0..level.len()).map(entry).collect();
        if index == 0 {
            entries[WordId::BEGIN.index()].log_prob = Model::LOG_ZERO;
        }
        places = builder.push(&entries)?;
        lower = probabilities;
        orders.push(order);
    }
    Ok(Estimate { model: builder.finish(), orders })
}

impl EstimatedOrder {
    fn of(order: usize, adjusted: &[u64]) -> Self {
        let mut counts_of_counts = [0; 4];
        for &count in adjusted {
            if let 1..=4 = count {
                counts_of_counts[count as usize - 1] += 1;
            }
        }
        let (discounts, fallback) = match Discounts::estimate(counts_of_counts) {
            Ok(discounts) => (discounts, None),
            Err(reason) => (Discounts::FALLBACK, Some(reason)),
        };
        Self { order, ngrams: adjusted.len(), counts_of_counts, discounts, fallback }
    }
}

/// Of a probability or a back-off weight, which are at most 1 but for rounding.
fn log10(value: f64) -> f32 {
    value.min(1.0).log10() as f32
}

/// For each n-gram of each order, the index of the n-gram without its first word, which was counted with it. Of 1-grams none.
fn suffixes(levels: &[Level]) -> Vec<Vec<u32>> {
    let mut suffixes: Vec<Vec<u32>> = Vec::with_capacity(levels.len());
    for (index, level) in levels.iter().enumerate() {
        let suffix = |(&history, &word): (&u32, &WordId)| match index {
            0 => None,
            1 => Some(word.number()),
            _ => levels[index - 1].find(suffixes[index - 1][history as usize], word),
        };
        let found = level.histories.iter().zip(&level.words).filter_map(suffix).collect();
        suffixes.push(found);
    }
    suffixes
}

/// The adjusted counts of all n-grams of all orders.
fn adjusted_counts(levels: &[Level], suffixes: &[Vec<u32>]) -> Vec<Vec<u64>> {
    let mut adjusted: Vec<Vec<u64>> = levels.iter().map(|level| vec![0; level.len()]).collect();
    for (index, suffixes) in suffixes.iter().enumerate() {
        for &suffix in suffixes {
            adjusted[index - 1][suffix as usize] += 1;
        }
    }
    for (adjusted, &count) in
        adjusted.iter_mut().zip(levels).flat_map(|(a, level)| a.iter_mut().zip(&level.counts))
    {
        if *adjusted == 0 {
            *adjusted = count;
        }
    }
    adjusted
}

/// Sums over the n-grams of each history.
#[derive(Debug)]
struct Histories {
    /// 1 / Σ_v a(h v); 0 without an n-gram.
    scale: Vec<f64>,
    /// D1 N1(h •) + D2 N2(h •) + D3+ N3+(h •).
    discounted: Vec<f64>,
}

impl Histories {
    fn new(level: &Level, adjusted: &[u64], discounts: Discounts, histories: usize) -> Self {
        let mut totals = vec![0_u64; histories];
        let mut discounted = vec![0.0; histories];
        for (&history, &count) in level.histories.iter().zip(adjusted) {
            totals[history as usize] += count;
            discounted[history as usize] += discounts.of(count);
        }
        let scale = totals.iter().map(|&total| if total == 0 { 0.0 } else { 1.0 / total as f64 });
        Self { scale: scale.collect(), discounted }
    }

    /// γ of a history; 1 of a history without an n-gram.
    fn backoff(&self, history: usize) -> f64 {
        let scale = self.scale[history];
        if scale == 0.0 { 1.0 } else { self.discounted[history] * scale }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Vocabulary;

    fn model(text: &str, order: usize) -> Estimate {
        let mut counts = Counts::new(Vocabulary::with_unknown(), order).unwrap();
        counts.add_text(text.as_bytes()).unwrap();
        estimate(&counts).unwrap()
    }

    /// By hand, with the discounts 0.5, 1 and 1.5: the 1-grams a, b and `</s>` come after 2, 1 and 1 words; 4 words can be
    /// predicted.
    #[test]
    fn a_small_model_has_the_probabilities_of_the_formulas() {
        let Estimate { model, orders } = model("a a b\na b\n", 2);
        assert!(orders.iter().all(|order| order.discounts == Discounts::FALLBACK));
        let id = |word: &str| model.vocabulary().id(word).unwrap();
        let close = |found: f64, expected: f64| (10_f64.powf(found) - expected).abs() < 1e-6;
        let (gamma, uniform) = ((1.0 + 0.5 + 0.5) / 4.0, 0.25);
        let p_a = (2.0 - 1.0) / 4.0 + gamma * uniform;
        let p_b = (1.0 - 0.5) / 4.0 + gamma * uniform;
        assert!(close(model.score(&[], id("a")), p_a));
        assert!(close(model.score(&[], id("<unk>")), gamma * uniform));
        // Of a: `a a` once, `a b` twice.
        let gamma_a = (0.5 + 1.0) / 3.0;
        assert!(close(model.score(&[id("a")], id("b")), (2.0 - 1.0) / 3.0 + gamma_a * p_b));
        assert!(close(model.score(&[id("a")], id("<unk>")), gamma_a * gamma * uniform));
    }

    #[test]
    fn an_order_whose_discounts_are_out_of_range_falls_back_alone() {
        // Some words come after 2, 3 and 4 different words, but every 2-gram occurs once.
        let mut text = String::new();
        let mut before = 0;
        for (repetitions, words) in [(1, 8), (2, 4), (3, 2), (4, 1)] {
            for word in 0..words {
                for _ in 0..repetitions {
                    before += 1;
                    text += &format!("x{before} w{repetitions}-{word} y{before}\n");
                }
            }
        }
        let orders = model(&text, 2).orders;
        assert_eq!(orders[0].fallback, None, "{orders:?}");
        assert_eq!(orders[1].fallback, Some(Fallback::NoCount(2)), "{orders:?}");
        assert_eq!(orders[1].discounts, Discounts::FALLBACK);
    }

    #[test]
    fn nothing_can_be_estimated_from_nothing() {
        let counts = Counts::new(Vocabulary::with_unknown(), 2).unwrap();
        assert!(matches!(estimate(&counts), Err(Error::EmptyText)));
    }
}
