//! A folder with a trained model and all that it recognises words with.

mod contents;
mod description;
mod folder;
mod model;

pub use contents::{Contents, Parts};
pub use description::{BUNDLE, Description, TrainedModel};

use crate::error::Error;
use contents::{LANGUAGE, LEXICON, PARAMETERS, SETTINGS, TREE};
use model::Acoustics;
use std::path::Path;
use stentor_experiment::Features;
use stentor_forward::Network;
use stentor_inventory::{
    Case, Inventory, Lexicon, LexiconFormat, Normalise, PhoneTable, ReadLexicon, SenoneId, Stress,
    UnknownPhones,
};
use stentor_recogniser::{Phones, Phrases, Recogniser, Settings, Vocabulary};
use stentor_senones::Tree;

/// A model folder, ready for use.
#[derive(Debug)]
pub struct Bundle {
    description: Description,
    acoustics: Acoustics,
    recogniser: Recogniser,
    phrases: Phrases,
    words: usize,
}

impl Bundle {
    /// Reads a model folder. `phrases` is a list of phrases that are made more likely, as [`Phrases::read`] takes it; empty for
    /// none.
    ///
    /// # Errors
    /// [`Error::NoBundle`], [`Error::File`]; otherwise as [`Bundle::of`], within [`Error::At`] with the path.
    pub fn load(folder: &Path, phrases: &str) -> Result<Self, Error> {
        let read = folder::read(folder);
        read.and_then(|(description, parts)| Self::of(description, &parts, phrases)).map_err(|error| {
            match &error {
                Error::Part { part, .. } | Error::Content { part, .. } => {
                    let path = folder.join(part);
                    error.at(path.display())
                }
                Error::Mismatch { .. } | Error::Network(_) | Error::Recogniser(_) => {
                    error.at(folder.display())
                }
                _ => error,
            }
        })
    }

    /// Joins the parts of a bundle.
    ///
    /// # Errors
    /// [`Error::Part`] for a part that is missing, unknown, or has other bytes than the description says; [`Error::Content`] for one
    /// that cannot be understood; [`Error::Phrases`]; [`Error::Mismatch`], [`Error::Network`] and [`Error::Recogniser`] for parts that do not belong
    /// together.
    pub fn of(description: Description, parts: &Parts, phrases: &str) -> Result<Self, Error> {
        parts.check(&description)?;
        let acoustics = Acoustics::new(&description.trained, parts.get(PARAMETERS)?)?;
        let settings: Settings = parts.json(SETTINGS)?;
        settings.check().map_err(|error| content(SETTINGS, &error))?;
        let Some(statistics) = settings.statistics.clone() else {
            let reason = "expected counts of the outputs in aligned speech, found none".to_owned();
            return Err(Error::Content { part: SETTINGS.to_owned(), reason });
        };
        let inventory = &description.trained.senones;
        statistics.check(inventory.len()).map_err(|error| content(SETTINGS, &error))?;
        let phones = match parts.find(TREE) {
            Some(bytes) => {
                let tree = Tree::of(inventory, bytes).map_err(|error| content(TREE, &error))?;
                Phones::of_tree(&tree, inventory, &statistics, settings.transition_scale)?
            }
            None if inventory.tree().is_some() => {
                let (expected, found) = ("the tying tree of the senones".to_owned(), "nothing".to_owned());
                return Err(Error::Part { part: TREE.to_owned(), expected, found });
            }
            None => Phones::of_inventory(inventory, &statistics, settings.transition_scale)?,
        };
        let language = stentor_language::arpa::read(parts.get(LANGUAGE)?);
        let language = language.map_err(|error| content(LANGUAGE, &error))?;
        let lexicon = lexicon(parts.get(LEXICON)?, inventory)?;
        let vocabulary = Vocabulary::new(&lexicon, &language, Phrases::words(phrases))?;
        let phrases = Phrases::read(phrases, &vocabulary, settings.boost).map_err(Error::Phrases)?;
        let priors = statistics.log_priors()?;
        let recogniser = Recogniser::new(&vocabulary, language, &phones, &priors, settings)?;
        let words = vocabulary.len();
        Ok(Self { description, acoustics, recogniser, phrases, words })
    }

    /// What the folder says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// How sound becomes frames.
    #[must_use]
    pub fn features(&self) -> &Features {
        &self.description.trained.features
    }

    /// The acoustic model.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.acoustics.network
    }

    /// Lexicon, language model and search.
    #[must_use]
    pub fn recogniser(&self) -> &Recogniser {
        &self.recogniser
    }

    /// Number of words that can be recognised.
    #[must_use]
    pub fn words(&self) -> usize {
        self.words
    }

    /// The phrases that are made more likely; `None` without any.
    #[must_use]
    pub fn phrases(&self) -> Option<&Phrases> {
        (!self.phrases.is_empty()).then_some(&self.phrases)
    }

    /// The outputs that are silence.
    pub(crate) fn silent(&self) -> &[SenoneId] {
        &self.acoustics.silent
    }

    /// Turns stacked frames into the model's input.
    pub(crate) fn normalise(&self, frames: &mut [f32]) {
        self.acoustics.normalise(frames);
    }
}

/// The lexicon as [`Contents`] writes it.
fn lexicon(bytes: &[u8], inventory: &Inventory) -> Result<Lexicon, Error> {
    let text = std::str::from_utf8(bytes).map_err(|error| content(LEXICON, &error))?;
    let phones = PhoneTable::new(inventory.phones().map(str::to_owned).collect());
    let phones = phones.map_err(stentor_recogniser::Error::Inventory)?;
    let read = ReadLexicon {
        format: LexiconFormat::KaldiProbabilities,
        stress: Stress::Keep,
        case: Case::Keep,
        normalise: Normalise::Maximum,
        phones: Some(&phones),
        unknown_phones: UnknownPhones::Refuse,
    };
    read.read(text).map_err(|error| content(LEXICON, &error))
}

fn content(part: &str, error: &dyn std::error::Error) -> Error {
    Error::Content { part: part.to_owned(), reason: error.to_string() }
}
