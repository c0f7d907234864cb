//! Linear interpolation of models.

use crate::builder::Builder;
use crate::entry::Entry;
use crate::{Error, Model, State, Vocabulary, WordId, backoff};

/// A model with the n-grams of all models and p(w | h) = Σ λ_i p_i(w | h) for each of them. Back-off weights are those with
/// which the probabilities after each history sum to 1, so a word that no model lists after a history has about, but not
/// exactly, the interpolated probability.
///
/// # Errors
/// [`Error::Weights`] unless there is a weight for each model and they sum to 1; [`Error::DifferentVocabularies`].
pub fn interpolate(models: &[&Model], weights: &[f64]) -> Result<Model, Error> {
    check_weights(models.len(), weights)?;
    let words = CommonWords::of(models)?;
    let used = weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
    let used: Vec<(usize, f64)> = used.map(|(index, &weight)| (index, weight)).collect();
    if let [(only, _)] = used[..] {
        return Ok(models[only].clone());
    }
    let parts = used.iter().map(|&(index, weight)| Part { model: models[index], weight, index });
    let mixture = Mixture { parts: parts.collect(), words: &words };
    let mut builder = Builder::new(words.vocabulary.clone());
    let order = mixture.parts.iter().map(|part| part.model.order()).max().unwrap_or(0);
    let mut histories = vec![mixture.empty(Builder::ROOT)];
    for _ in 0..order {
        let (entries, ngrams) = mixture.extend(&histories);
        let places = builder.push(&entries)?;
        histories = ngrams.into_iter().zip(places).map(|(ngram, place)| History { place, ..ngram }).collect();
    }
    let mut model = builder.finish();
    backoff::normalise(&mut model);
    Ok(model)
}

/// Checks that there is a weight for each model, and that they are shares of 1.
///
/// # Errors
/// [`Error::Weights`].
pub fn check_weights(models: usize, weights: &[f64]) -> Result<(), Error> {
    let are_shares = weights.iter().all(|weight| (0.0..=1.0).contains(weight));
    let sum: f64 = weights.iter().sum();
    if models == 0 || weights.len() != models || !are_shares || (sum - 1.0).abs() > 1e-6 {
        return Err(Error::Weights { models, found: weights.to_vec() });
    }
    Ok(())
}

/// The words that all models have, with the ids of the first model, and their ids in the others.
#[derive(Debug)]
pub(crate) struct CommonWords {
    pub(crate) vocabulary: Vocabulary,
    /// The id in each model of a common word.
    own: Vec<Vec<WordId>>,
    /// The common id of a word of each model.
    common: Vec<Vec<WordId>>,
}

impl CommonWords {
    /// # Errors
    /// [`Error::DifferentVocabularies`].
    pub(crate) fn of(models: &[&Model]) -> Result<Self, Error> {
        let vocabulary =
            models.first().map_or_else(Vocabulary::boundaries, |model| model.vocabulary().clone());
        let ids = |from: &Vocabulary, to: &Vocabulary, model: usize| -> Result<Vec<WordId>, Error> {
            let id = |word: WordId| {
                let word = from.word(word);
                to.id(word)
                    .ok_or_else(|| Error::DifferentVocabularies { model: model + 1, word: word.to_owned() })
            };
            from.ids().map(id).collect()
        };
        let (mut own, mut common) = (Vec::new(), Vec::new());
        for (index, model) in models.iter().enumerate() {
            own.push(ids(&vocabulary, model.vocabulary(), index)?);
            common.push(ids(model.vocabulary(), &vocabulary, index)?);
        }
        Ok(Self { vocabulary, own, common })
    }

    /// The id in a model of a common word.
    pub(crate) fn own(&self, model: usize, word: WordId) -> WordId {
        self.own[model][word.index()]
    }
}

/// A model of a mixture.
#[derive(Debug)]
struct Part<'a> {
    model: &'a Model,
    weight: f64,
    /// Its place among the models.
    index: usize,
}

#[derive(Debug)]
struct Mixture<'a> {
    parts: Vec<Part<'a>>,
    words: &'a CommonWords,
}

/// A history in the new model and in each part.
#[derive(Debug, Clone)]
struct History {
    /// Its node in the new model.
    place: u32,
    /// Its node in each part, if it is there.
    nodes: Vec<Option<u32>>,
    states: Vec<State>,
}

impl Mixture<'_> {
    fn empty(&self, place: u32) -> History {
        let states = self.parts.iter().map(|part| part.model.empty()).collect();
        History { place, nodes: vec![Some(Builder::ROOT); self.parts.len()], states }
    }

    /// All n-grams that add a word to these histories, and the same as histories without a place.
    fn extend(&self, histories: &[History]) -> (Vec<Entry>, Vec<History>) {
        let (mut entries, mut ngrams) = (Vec::new(), Vec::new());
        let mut listed = Vec::new();
        for history in histories {
            listed.clear();
            for (part, node) in self.parts.iter().zip(&history.nodes) {
                let nodes = &part.model.nodes;
                let children = node.map_or(0..0, |node| nodes.children(node));
                let common = |child: usize| self.words.common[part.index][nodes.words[child].index()];
                listed.extend(children.map(common));
            }
            listed.sort_unstable();
            listed.dedup();
            for &word in &listed {
                let (ngram, probability) = self.add(history, word);
                let log_prob = probability.log10().clamp(Model::LOG_ZERO.into(), 0.0) as f32;
                entries.push(Entry { history: history.place, word, log_prob, backoff: 0.0 });
                ngrams.push(ngram);
            }
        }
        (entries, ngrams)
    }

    /// The history with a word more, and the interpolated probability of that word.
    fn add(&self, history: &History, word: WordId) -> (History, f64) {
        let mut ngram = History { place: 0, nodes: Vec::new(), states: Vec::new() };
        let mut probability = 0.0;
        for (place, part) in self.parts.iter().enumerate() {
            let own = self.words.own(part.index, word);
            let (state, log_prob) = part.model.advance(history.states[place], own);
            probability += part.weight * 10_f64.powf(log_prob);
            ngram.states.push(state);
            ngram.nodes.push(history.nodes[place].and_then(|node| part.model.nodes.child(node, own)));
        }
        (ngram, probability)
    }
}
