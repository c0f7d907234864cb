//! What words are recognised with, as files.

use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use stentor_inventory::{
    Case, Inventory, Lexicon, LexiconFormat, Normalise, PhoneTable, ReadLexicon, Stress, UnknownPhones,
};
use stentor_language::{Model, arpa};
use stentor_recogniser::{Settings, Statistics};
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

/// Reads an ARPA file.
pub(crate) fn read_language(path: &Path) -> Result<Model> {
    let told = || path.display().to_string();
    arpa::read(BufReader::new(File::open(path).with_context(told)?)).with_context(told)
}

/// Reads a lexicon for a model with these senones and a language model. Strips stress if no phone of the model has any, and reads
/// words in small letters if those of the language model are.
pub(crate) fn read_lexicon(
    path: &Path,
    format: Format,
    senones: &Inventory,
    language: &Model,
) -> Result<Lexicon> {
    let phones = PhoneTable::new(senones.phones().map(str::to_owned).collect())?;
    let has_stress = phones.names().iter().any(|name| name.ends_with(['0', '1', '2']));
    let words = language.vocabulary();
    let is_small = words.ids().all(|id| !words.word(id).contains(char::is_uppercase));
    let read = ReadLexicon {
        format: format.into(),
        stress: if has_stress { Stress::Keep } else { Stress::Strip },
        case: if is_small { Case::Lower } else { Case::Keep },
        normalise: Normalise::Maximum,
        phones: Some(&phones),
        unknown_phones: UnknownPhones::Refuse,
    };
    read.read(&text(path)?).with_context(|| path.display().to_string())
}

/// Reads the settings of a recogniser, and checks their bounds.
pub(crate) fn read_settings(path: &Path) -> Result<Settings> {
    let told = || format!("{}: expected the settings of a recogniser", path.display());
    let settings: Settings = serde_json::from_str(&text(path)?).with_context(told)?;
    settings.check().with_context(told)?;
    Ok(settings)
}

/// Counts outputs and phones in the alignments of a set, which priors and durations are from.
pub(crate) async fn count_alignments(set: &FeatureSet) -> Result<Statistics> {
    let senones = &set.manifest().senones;
    let mut statistics = Statistics::new(senones);
    for (shard, info) in set.manifest().shards.iter().enumerate() {
        for row_group in 0..info.row_groups.len() {
            for row in set.read(shard, row_group).await? {
                if let Some(alignment) = &row.alignment {
                    statistics.add(senones, alignment)?;
                }
            }
        }
    }
    ensure!(
        statistics.frames() > 0,
        "expected aligned utterances to count, found none; name the annotated set"
    );
    Ok(statistics)
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}
