use thiserror::Error;

/// What can be wrong with the parts of a recogniser, or with what it is given.
#[derive(Debug, Error)]
pub enum Error {
    /// An alignment of another model.
    #[error(
        "frame {frame}: output {found} is unknown, the model has {outputs}: the alignment is of another inventory"
    )]
    UnknownOutput {
        /// 0-based frame in the utterance.
        frame: usize,
        /// The number found.
        found: usize,
        /// How many the model has.
        outputs: usize,
    },
    /// No aligned speech to take priors and durations from.
    #[error("expected aligned utterances, found none: name an annotated set")]
    NoAlignment,
    /// Counts of aligned speech that are not those of the model, or are of nothing.
    #[error(
        "`statistics` of the settings: expected counts of the model's {outputs} outputs, found {found}: take the settings that were \
         made with this model"
    )]
    Counts {
        /// Outputs of the model.
        outputs: usize,
        /// What the counts are of.
        found: String,
    },
    /// Lexicon and language model have nothing in common.
    #[error(
        "expected words that both lexicon and language model have, found none: the lexicon has words such as `{lexicon}`, the \
         model such as `{model}`; write them alike, capital and small letters included"
    )]
    NoWords {
        /// A word of the lexicon.
        lexicon: String,
        /// A word of the model; empty if it has none.
        model: String,
    },
    /// A pronunciation with a phone that the acoustic model does not have.
    #[error(
        "word `{word}` is said with the phone `{phone}`, which the acoustic model does not have: map it to one of the model's \
         {phones} phones, or strip stress if they have none"
    )]
    UnknownPhone {
        /// The word.
        word: String,
        /// The phone.
        phone: String,
        /// Number of phones of the model.
        phones: usize,
    },
    /// Outputs of a model with context, without the map from triphones to outputs.
    #[error(
        "the model's senones depend on the phones beside them: give the tying tree that they are from, {tree}"
    )]
    NeedsTree {
        /// The tree's fingerprint.
        tree: String,
    },
    /// Outputs that are alternatives of one state, where frames must have one of them.
    #[error(
        "the model's {outputs} outputs are tied states of another program, and which of them a phone has in which context is not \
         known here: align with that program, and import its alignments"
    )]
    Alternatives {
        /// Number of outputs.
        outputs: usize,
    },
    /// No phone for pauses between words.
    #[error(
        "expected a silent phone named `SIL`, or one silent phone alone, found neither among the model's phones"
    )]
    NoPause,
    /// Parts that belong to different acoustic models.
    #[error(
        "expected {what} of the acoustic model's inventory ({expected}), found those of another one ({found}): use the files that \
         were made together with the model"
    )]
    OtherInventory {
        /// What was given.
        what: &'static str,
        /// Fingerprint of the model's inventory.
        expected: String,
        /// Fingerprint found.
        found: String,
    },
    /// A setting out of its bounds.
    #[error("expected {expected} for `{setting}`, found {}", number(*found))]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// What it may be.
        expected: &'static str,
        /// The number given.
        found: f64,
    },
    /// Settings that another version wrote.
    #[error(
        "expected settings of schema version {expected}, found version {found}: use the version that wrote them"
    )]
    SettingsVersion {
        /// The version that this program reads.
        expected: u32,
        /// The file's version.
        found: u32,
    },
    /// Values that do not make whole frames.
    #[error(
        "expected a multiple of {outputs} log posteriors, one for each output of each frame, found {found}"
    )]
    Shape {
        /// Outputs of the model.
        outputs: usize,
        /// Number of values.
        found: usize,
    },
    /// A line of a list of phrases is malformed.
    #[error("line {line} of the phrases: expected {expected}, found `{found}`")]
    Phrase {
        /// Counted from 1.
        line: usize,
        /// What the line should be.
        expected: &'static str,
        /// The line, or the field in question.
        found: String,
    },
    /// A phrase with a word that cannot be recognised.
    #[error(
        "line {line} of the phrases: the word `{word}` cannot be recognised: add it to the lexicon, and to the language model's \
         text if the model has no unknown words{}", if word.parse::<f64>().is_ok() { "; a boost is separated by a tab" } else { "" }
    )]
    PhraseWord {
        /// Counted from 1.
        line: usize,
        /// The word.
        word: String,
    },
    /// Something about the search: scores that are not numbers, or no path.
    #[error(transparent)]
    Decode(#[from] stentor_decode::Error),
    /// The inventory, or names of phones.
    #[error(transparent)]
    Inventory(#[from] stentor_inventory::Error),
    /// The tying tree.
    #[error(transparent)]
    Tree(#[from] stentor_senones::Error),
}

/// A number as people write it: hundreds of zeros are counted.
fn number(found: f64) -> String {
    match found.abs() {
        size if size.is_finite() && size > 0.0 && !(1e-5..1e16).contains(&size) => format!("{found:e}"),
        _ => found.to_string(),
    }
}
