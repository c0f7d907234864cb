//! The recogniser itself.

use crate::states::{Scores, States};
use crate::word_costs::WordCosts;
use crate::{Choice, Error, Phones, Phrases, Settings, Stream, Tuned, Vocabulary};
use std::sync::Arc;
use stentor_decode::{
    Boosted, Lattice, Lexicon, Outcome, Path, Pronunciation, Search, Silence, Tree, TreeNetwork,
};
use stentor_language::Model;

/// What words are recognised with: phones, lexicon, language model and settings. Cheap to make again with other scales.
#[derive(Debug)]
pub struct Recogniser {
    tree: Arc<Tree>,
    costs: WordCosts,
    names: Arc<[String]>,
    log_priors: Arc<[f32]>,
    states: Option<States>,
    scores: Scores,
    settings: Settings,
    no_phrases: Phrases,
}

/// How large the network is, without the language model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// States of the network for one state of the language model.
    pub places: usize,
    /// Arcs between them.
    pub arcs: usize,
    /// Bytes of both.
    pub bytes: usize,
}

/// A word that was recognised.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The word.
    pub word: String,
    /// Its first frame.
    pub start: usize,
    /// The frame after its last.
    pub end: usize,
    /// How probable it is that it was said then; `None` while later frames may still change it.
    pub confidence: Option<f64>,
}

/// What was recognised in an utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Words {
    /// The words in order.
    pub words: Vec<Found>,
    /// Whether a word, or the pause after it, ended with the last frame. If not, the last word may be incomplete: the audio was
    /// cut within it, or the beam is too narrow.
    pub is_complete: bool,
    /// Cost of the best path.
    pub cost: f64,
}

pub(crate) type Net<'a> = TreeNetwork<'a, Boosted<'a, &'a WordCosts>>;

impl Recogniser {
    /// A recogniser of the words of `vocabulary`, whose language model is `model`. `log_priors` are those of
    /// [`crate::Statistics::log_priors`].
    ///
    /// # Errors
    /// [`Error::UnknownPhone`] with the word; [`Error::Setting`], [`Error::SettingsVersion`]; [`Error::Shape`] for priors of
    /// another model; [`Error::Decode`].
    pub fn new(
        vocabulary: &Vocabulary,
        model: Model,
        phones: &Phones,
        log_priors: &[f32],
        settings: Settings,
    ) -> Result<Self, Error> {
        settings.check()?;
        if log_priors.len() != phones.outputs() {
            return Err(Error::Shape { outputs: phones.outputs(), found: log_priors.len() });
        }
        let lexicon = lexicon(vocabulary, phones, settings.pause_probability)?;
        let words = vocabulary.entries().iter().map(|entry| entry.model).collect();
        let costs = WordCosts::new(Arc::new(model), words, settings.word_penalty);
        let tree = Tree::new(&lexicon, phones.topology(), |word| costs.alone(word))?;
        let states = phones.states().cloned();
        let scores = scores(&settings, log_priors, states.as_ref())?;
        Ok(Self {
            tree: Arc::new(tree),
            costs,
            names: vocabulary.words().map(str::to_owned).collect(),
            log_priors: log_priors.into(),
            states,
            scores,
            settings,
            no_phrases: Phrases::none(),
        })
    }

    /// The same recogniser with another acoustic scale, prior exponent and word penalty, and no record of how they were chosen.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn with_scales(
        &self,
        acoustic_scale: f64,
        prior_exponent: f64,
        word_penalty: f64,
    ) -> Result<Self, Error> {
        let settings =
            Settings { acoustic_scale, prior_exponent, word_penalty, tuned: None, ..self.settings.clone() };
        settings.check()?;
        Ok(Self {
            tree: Arc::clone(&self.tree),
            costs: self.costs.with_penalty(word_penalty),
            names: Arc::clone(&self.names),
            log_priors: Arc::clone(&self.log_priors),
            states: self.states.clone(),
            scores: scores(&settings, &self.log_priors, self.states.as_ref())?,
            settings,
            no_phrases: Phrases::none(),
        })
    }

    /// The same recogniser with the scales that were chosen, and the record of it.
    ///
    /// # Errors
    /// As [`Recogniser::with_scales`].
    pub fn with_choice(&self, choice: &Choice, record: Tuned) -> Result<Self, Error> {
        let mut chosen =
            self.with_scales(choice.acoustic_scale, choice.prior_exponent, choice.word_penalty)?;
        chosen.settings.tuned = Some(record);
        Ok(chosen)
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Number of the acoustic model's outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.log_priors.len()
    }

    /// How large the network is.
    #[must_use]
    pub fn size(&self) -> Size {
        Size { places: self.tree.len(), arcs: self.tree.arcs(), bytes: self.tree.bytes() }
    }

    /// Recognises an utterance from its log posteriors, `[frames × outputs]`; with `phrases`, these are boosted.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Decode`] with the frame if a log posterior is not a number, or if no path is possible.
    pub fn decode(&self, log_posteriors: &[f32], phrases: Option<&Phrases>) -> Result<Words, Error> {
        let Outcome { lattice, reached_final } = self.search(log_posteriors, phrases)?;
        self.words(&lattice, reached_final)
    }

    /// As [`Recogniser::decode`], with all alternatives within the lattice beam. Labels of words are their places in the
    /// vocabulary plus 1.
    ///
    /// # Errors
    /// As [`Recogniser::decode`].
    pub fn search(&self, log_posteriors: &[f32], phrases: Option<&Phrases>) -> Result<Outcome, Error> {
        let outputs = self.outputs();
        if !log_posteriors.len().is_multiple_of(outputs) {
            return Err(Error::Shape { outputs, found: log_posteriors.len() });
        }
        let frames = log_posteriors.len() / outputs;
        let mut copy = |frame: usize, row: &mut [f32]| {
            row.copy_from_slice(&log_posteriors[frame * outputs..(frame + 1) * outputs]);
        };
        self.search_frames(frames, &mut copy, phrases)
    }

    /// As [`Recogniser::search`], for posteriors that are not in memory as a whole: `log_posteriors` writes those of a frame,
    /// `[outputs]`. It is asked for each frame once, in their order.
    ///
    /// # Errors
    /// As [`Recogniser::decode`].
    pub fn search_frames(
        &self,
        frames: usize,
        log_posteriors: &mut dyn FnMut(usize, &mut [f32]),
        phrases: Option<&Phrases>,
    ) -> Result<Outcome, Error> {
        let mut search = Search::new(self.network(phrases), self.settings.options(None));
        let (mut row, mut costs) = (vec![0.0; self.outputs()], Vec::new());
        for frame in 0..frames {
            log_posteriors(frame, &mut row);
            self.scores.costs(frame, &row, &mut costs)?;
            search.advance(&costs)?;
        }
        Ok(search.finish())
    }

    /// A recogniser of speech as it comes.
    #[must_use]
    pub fn stream<'a>(&'a self, phrases: Option<&'a Phrases>) -> Stream<'a> {
        Stream::new(self, phrases)
    }

    /// The best words of a lattice.
    ///
    /// # Errors
    /// [`Error::Decode`] if the scale of posteriors is not usable.
    pub fn words(&self, lattice: &Lattice, is_complete: bool) -> Result<Words, Error> {
        let best = lattice.best_path();
        let posteriors = lattice.posteriors(self.settings.posterior_scale)?;
        let confidences = lattice.confidences(&best, &posteriors);
        let words = self.found(&best, confidences.into_iter().map(Some));
        Ok(Words { words, is_complete, cost: best.cost() })
    }

    /// The name of a word's label; none for a label that no word has.
    #[must_use]
    pub fn name(&self, label: u32) -> Option<&str> {
        self.names.get((label as usize).checked_sub(1)?).map(String::as_str)
    }

    pub(crate) fn found(
        &self,
        path: &Path,
        confidences: impl IntoIterator<Item = Option<f64>>,
    ) -> Vec<Found> {
        let found = |(word, confidence): (&stentor_decode::Word, _)| Found {
            word: self.name(word.word).unwrap_or_default().to_owned(),
            start: word.frames.start,
            end: word.frames.end,
            confidence,
        };
        path.words.iter().zip(confidences).map(found).collect()
    }

    pub(crate) fn network<'a>(&'a self, phrases: Option<&'a Phrases>) -> Net<'a> {
        let phrases = phrases.unwrap_or(&self.no_phrases).compiled();
        TreeNetwork { tree: &self.tree, model: Boosted { model: &self.costs, phrases } }
    }

    pub(crate) fn scores(&self) -> &Scores {
        &self.scores
    }
}

fn scores(settings: &Settings, log_priors: &[f32], states: Option<&States>) -> Result<Scores, Error> {
    Scores::new(settings.acoustic_scale, settings.prior_exponent, log_priors, states.cloned())
}

/// The vocabulary in the numbers of the search.
fn lexicon(vocabulary: &Vocabulary, phones: &Phones, pause_probability: f64) -> Result<Lexicon, Error> {
    let mut pronunciations = Vec::new();
    for (entry, word) in vocabulary.entries().iter().zip(1..) {
        for (names, cost) in &entry.pronunciations {
            let number = |phone: &String| {
                let unknown = || Error::UnknownPhone {
                    word: entry.name.clone(),
                    phone: phone.clone(),
                    phones: phones.table().len(),
                };
                phones.number(phone).ok_or_else(unknown)
            };
            let phones = names.iter().map(number).collect::<Result<_, _>>()?;
            pronunciations.push(Pronunciation { word, phones, cost: *cost });
        }
    }
    let silence = Silence { phone: phones.pause(), probability: pause_probability };
    Ok(Lexicon::new(pronunciations, Some(silence), phones.topology())?)
}
