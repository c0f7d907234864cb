use crate::decide::left_out::Named;
use crate::decide::set::{Set, SplitBy};
use std::io;
use stentor_inventory::MAX_SENONES;
use stentor_runtime::{ExitStatus, ProgramError};

/// Why a corpus cannot be prepared. Messages name options by the flags of `stentor prepare`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option has a value that cannot be used.
    #[error("{option} {value}: expected {expected}")]
    Option {
        /// The flag.
        option: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: String,
    },
    /// Another process writes into the output folder.
    #[error(
        "another `stentor prepare` is writing into {folder}; wait until it has ended, or choose another --out"
    )]
    Locked {
        /// The output folder.
        folder: String,
    },
    /// The output folder holds sets that were prepared from something else.
    #[error(
        "{folder} holds sets that were prepared from another corpus, from other audio or an older state of it, with other \
         settings or by another version; labels and runs may depend on them. Choose another --out, or replace them with --replace"
    )]
    Occupied {
        /// The output folder.
        folder: String,
    },
    /// Utterances lack the group or speaker that the split was asked to go by.
    #[error(
        "--split-by {by}: {} of {utterances} utterances have no line in {table} ({missing}); complete it, or split by something else",
        .missing.count
    )]
    Ungrouped {
        /// What the split was to go by.
        by: SplitBy,
        /// The table that would say it.
        table: &'static str,
        /// The utterances.
        missing: Named,
        /// All utterances of the corpus.
        utterances: usize,
    },
    /// There are too few texts, or too few groups.
    #[error(
        "nothing is left to be annotated: the corpus has {texted} groups with texts, and {in_test} of them are in the test set; \
         --annotated needs texts and at least two groups"
    )]
    NothingToAnnotate {
        /// Groups with texts.
        texted: usize,
        /// Those of them that are in the test set.
        in_test: usize,
    },
    /// A split that was asked for leaves a held-out set empty.
    #[error(
        "--split-by {by}: too few of them have texts, so that none is left for the {set} set; {without} does without"
    )]
    EmptySet {
        /// What the split goes by.
        by: SplitBy,
        /// The set.
        set: Set,
        /// The flags that do without it.
        without: &'static str,
    },
    /// All utterances of an aligned set were left out.
    #[error("no {set} utterance is left: {left_out}")]
    NothingLeft {
        /// The set.
        set: Set,
        /// Why, with numbers.
        left_out: String,
    },
    /// No annotated utterance has an alignment.
    #[error("no annotated utterance has an alignment, `{example}` for one, so there is nothing to train on")]
    NoAlignments {
        /// An annotated utterance.
        example: String,
    },
    /// More states than a model can have outputs.
    #[error(
        "the alignments hold {found} different states, at most {MAX_SENONES} can be told apart: are the symbols states?"
    )]
    TooManyStates {
        /// States of the annotated part.
        found: usize,
    },
    /// More recordings cannot be used than is allowed.
    #[error(
        "{bad} of {recordings} recordings cannot be used, more than the fraction of {allowed} that --max-bad allows:\n{list}"
    )]
    TooManyBad {
        /// Recordings that cannot be used.
        bad: usize,
        /// Recordings of the corpus.
        recordings: usize,
        /// `--max-bad`.
        allowed: f64,
        /// The first of them with reasons, one a line.
        list: String,
    },
    /// The corpus has no recording that can be read.
    #[error("no recording can be read")]
    NoRecordings,
    /// The aligner died, hung, or answered something else than it was asked.
    #[error("the aligner `{command}` {what}")]
    Aligner {
        /// Its command line.
        command: String,
        /// What it did, and at which utterance.
        what: String,
    },
    /// A signal has asked for the end.
    #[error("stopped by a signal; start again to go on: what an aligner has answered is kept")]
    Stopped,
    /// A file or a program is out of reach.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was tried, with the path or the command.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The corpus's tables, a CTM file or the filter bank's settings are not as they must be.
    #[error("{0}")]
    Audio(#[from] stentor_audio::Error),
    /// The states make no inventory.
    #[error("{0}")]
    Inventory(#[from] stentor_inventory::Error),
    /// A set cannot be written.
    #[error("{0}")]
    Shards(#[from] stentor_shards::Error),
    /// The output folder cannot be read or written.
    #[error("{0}")]
    Store(#[from] stentor_store::Error),
    /// A value has no form in JSON.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl Error {
    /// An [`Error::Io`] of `doing`.
    pub(crate) fn io(doing: String) -> impl FnOnce(io::Error) -> Self {
        move |source| Error::Io { doing, source }
    }
}

impl ProgramError for Error {
    fn id(&self) -> &'static str {
        match self {
            Error::Option { .. } => "E1201",
            Error::Locked { .. } => "E1202",
            Error::Occupied { .. } => "E1203",
            Error::Ungrouped { .. } => "E1204",
            Error::NothingToAnnotate { .. } => "E1205",
            Error::EmptySet { .. } => "E1206",
            Error::NothingLeft { .. } => "E1207",
            Error::NoAlignments { .. } => "E1208",
            Error::TooManyStates { .. } => "E1209",
            Error::TooManyBad { .. } => "E1210",
            Error::NoRecordings => "E1211",
            Error::Aligner { .. } => "E1212",
            Error::Stopped => "E1213",
            Error::Io { .. } => "E1214",
            Error::Audio(_) => "E1215",
            Error::Inventory(_) => "E1216",
            Error::Shards(error) => error.id(),
            Error::Store(error) => error.id(),
            Error::Json(_) => "E1217",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        match self {
            Error::Option { .. }
            | Error::Locked { .. }
            | Error::Occupied { .. }
            | Error::Ungrouped { .. } => ExitStatus::Config,
            Error::Stopped => ExitStatus::Stopped,
            Error::Store(error) => error.exit_status(),
            Error::Shards(error) => error.exit_status(),
            Error::NothingToAnnotate { .. }
            | Error::EmptySet { .. }
            | Error::NothingLeft { .. }
            | Error::NoAlignments { .. }
            | Error::TooManyStates { .. }
            | Error::TooManyBad { .. }
            | Error::NoRecordings
            | Error::Aligner { .. }
            | Error::Io { .. }
            | Error::Audio(_)
            | Error::Inventory(_)
            | Error::Json(_) => ExitStatus::Data,
        }
    }
}
