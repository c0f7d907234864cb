//! What words are recognised with, as files.

use crate::in_file;
use crate::labeled::places;
use crate::text::counted;
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use stentor_inventory::{
    Case, Inventory, LeftOut, Lexicon, LexiconError, LexiconFormat, Normalise, PhoneTable, ReadLexicon,
    SenoneId, Stress,
};
use stentor_language::{Model, arpa};
use stentor_recogniser::{Phones, Settings, Statistics};
use stentor_senones::Tree;
use stentor_shards::FeatureSet;

/// Formats of lexicons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// The CMU dictionary: `WORD PHONE…`, further pronunciations as `WORD(2) PHONE…`
    Cmu,
    /// Kaldi's lexicon.txt: `WORD PHONE…`
    Kaldi,
    /// Kaldi's lexiconp.txt: `WORD PROBABILITY PHONE…`
    KaldiProbabilities,
}

impl From<Format> for LexiconFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Cmu => LexiconFormat::Cmu,
            Format::Kaldi => LexiconFormat::Kaldi,
            Format::KaldiProbabilities => LexiconFormat::KaldiProbabilities,
        }
    }
}

/// What becomes of words with phones that the model does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum UnknownPhones {
    /// The first of them is an error
    Error,
    /// They are left out, counted and listed
    LeaveOut,
}

impl From<UnknownPhones> for stentor_inventory::UnknownPhones {
    fn from(unknown: UnknownPhones) -> Self {
        match unknown {
            UnknownPhones::Error => Self::Refuse,
            UnknownPhones::LeaveOut => Self::LeaveOut,
        }
    }
}

// Options of several commands. A documentation comment would replace that of the command.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct LexiconFile {
    /// Words and their phones.
    #[arg(long = "lexicon", value_name = "FILE")]
    pub(crate) path: PathBuf,
    /// How the lexicon is written.
    #[arg(long = "lexicon-format", value_enum, value_name = "FORMAT", default_value = "cmu")]
    pub(crate) format: Format,
    /// What becomes of pronunciations with a phone that the model does not have.
    #[arg(long, value_enum, value_name = "WHAT", default_value = "error")]
    pub(crate) unknown_phones: UnknownPhones,
}

impl LexiconFile {
    /// Reads the lexicon for a model with these senones. Strips stress if no phone of the model has any.
    pub(crate) fn read(&self, senones: &Inventory, case: Case) -> Result<Lexicon> {
        let phones = PhoneTable::new(senones.phones().map(str::to_owned).collect())?;
        let has_stress = phones.names().iter().any(|name| name.ends_with(['0', '1', '2']));
        let read = ReadLexicon {
            format: self.format.into(),
            stress: if has_stress { Stress::Keep } else { Stress::Strip },
            case,
            normalise: Normalise::Maximum,
            phones: Some(&phones),
            unknown_phones: self.unknown_phones.into(),
        };
        let lexicon =
            read.read(&in_file::text(&self.path, "a lexicon (--lexicon)")?).map_err(|error| match error {
                LexiconError::UnknownPhone { .. } if self.unknown_phones == UnknownPhones::Error => {
                    anyhow!("{error}; or leave such words out with --unknown-phones leave-out")
                }
                error => error.into(),
            });
        lexicon.with_context(|| self.path.display().to_string())
    }
}

// The same.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct WordFiles {
    #[command(flatten)]
    pub(crate) lexicon: LexiconFile,
    /// Language model: an ARPA file. Only words that lexicon and model have are recognised.
    #[arg(long, value_name = "FILE")]
    pub(crate) lm: PathBuf,
}

impl WordFiles {
    /// Reads both files, for a model with these senones. Words are read in small letters if those of the language model are.
    pub(crate) fn read(&self, senones: &Inventory) -> Result<(Lexicon, Model)> {
        let told = || self.lm.display().to_string();
        let file = in_file::open(&self.lm, "a language model as an ARPA file (--lm)")?;
        let language = arpa::read(BufReader::new(file)).with_context(told)?;
        let case = if is_small(&language) { Case::Lower } else { Case::Keep };
        Ok((self.lexicon.read(senones, case)?, language))
    }
}

/// Whether no word of a language model has a capital letter.
pub(crate) fn is_small(language: &Model) -> bool {
    let words = language.vocabulary();
    words.ids().all(|id| !words.word(id).contains(char::is_uppercase))
}

/// A line for people about what was left out of a lexicon, with the first of the words; none if nothing was.
pub(crate) fn left_out_words(left_out: &LeftOut) -> Option<String> {
    const NAMED: usize = 20;
    let LeftOut { words, pronunciations } = left_out;
    let more = if words.len() > NAMED { ", …" } else { "" };
    let named = match &words[..words.len().min(NAMED)] {
        [] => String::new(),
        named => format!(" ({}{more})", named.join(", ")),
    };
    (!words.is_empty() || *pronunciations > 0).then(|| {
        format!(
            "left out, because the model does not have a phone of theirs: {}{named}, and {} of other words",
            counted(words.len() as u64, "word"),
            counted(*pronunciations as u64, "pronunciation")
        )
    })
}

/// Reads the settings of a recogniser, and checks their bounds.
pub(crate) fn read_settings(path: &Path) -> Result<Settings> {
    let told = || format!("{}: expected the settings of a recogniser", path.display());
    let settings: Settings =
        serde_json::from_str(&in_file::text(path, "settings of a recogniser")?).with_context(told)?;
    settings.check().with_context(told)?;
    Ok(settings)
}

/// Counts outputs and phones in the alignments of a set, which priors and durations are from.
pub(crate) async fn count_alignments(set: &FeatureSet) -> Result<Statistics> {
    let senones = &set.manifest().senones;
    let mut statistics = Statistics::new(senones);
    for (shard, row_group) in places(&set.manifest().shards) {
        for mut row in set.rows(shard, row_group, &["alignment"]).await? {
            if let Some(alignment) = row.take_option::<u16>("alignment")? {
                statistics.add(senones, &SenoneId::list(alignment)).with_context(|| row.utterance.clone())?;
            }
        }
    }
    ensure!(
        statistics.frames() > 0,
        "expected aligned utterances to count, found none; name the annotated set"
    );
    Ok(statistics)
}

/// The phones of a set's senones, with context if these are of a tying tree.
pub(crate) async fn phones(set: &FeatureSet, statistics: &Statistics, scale: f64) -> Result<Phones> {
    let inventory = &set.manifest().senones;
    let told = || set.location().to_owned();
    let phones = match set.tree().await? {
        Some(bytes) => {
            let tree = Tree::of(inventory, &bytes).with_context(told)?;
            Phones::of_tree(&tree, inventory, statistics, scale)
        }
        None if inventory.tree().is_some() => {
            bail!("{}: expected the tying tree of its senones beside the set, found none", set.location())
        }
        None => Phones::of_inventory(inventory, statistics, scale),
    };
    phones.with_context(told)
}
