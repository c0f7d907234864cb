use crate::decide::left_out::Named;
use crate::decide::set::{Set, SplitBy};
use std::io;
use stentor_inventory::MAX_SENONES;
use stentor_runtime::{ExitStatus, ProgramError};
use stentor_store::Fault;

/// Why a corpus cannot be prepared. Messages refer to options by the flags of `stentor prepare`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option has an invalid value.
    #[error("{option} {value}: expected {expected}")]
    Option {
        /// The flag.
        option: &'static str,
        /// The value.
        value: String,
        /// The values allowed.
        expected: String,
    },
    /// Another process is writing to the output folder.
    #[error(
        "another `stentor prepare` is writing to {folder}; wait until it has ended, or choose another --out"
    )]
    Locked {
        /// The output folder.
        folder: String,
    },
    /// The output folder contains sets that were prepared from other inputs.
    #[error(
        "{folder} contains sets that were prepared from another corpus, from other audio or an older state of it, with other \
         settings or by another version; labels and runs may depend on them. Choose another --out, or replace them with --replace"
    )]
    Occupied {
        /// The output folder.
        folder: String,
    },
    /// Utterances lack the group or speaker that the requested split needs.
    #[error(
        "--split-by {by}: {} of {utterances} utterances have no line in {table} ({missing}); complete it, or choose another --split-by",
        .missing.count
    )]
    Ungrouped {
        /// The criterion of the split.
        by: SplitBy,
        /// The table that would contain it.
        table: &'static str,
        /// The utterances without one.
        missing: Named,
        /// Number of utterances in the corpus.
        utterances: usize,
    },
    /// There are too few texts or too few groups.
    #[error(
        "nothing is left to be annotated: the corpus has {texted} groups with texts, and {in_test} of them are in the test set; \
         --annotated needs texts and at least two groups"
    )]
    NothingToAnnotate {
        /// Number of groups with texts.
        texted: usize,
        /// Number of them in the test set.
        in_test: usize,
    },
    /// A requested split leaves a set empty.
    #[error(
        "--split-by {by}: {}, so none is left for the {set} set; {without} omits it", TooFew(*.set)
    )]
    EmptySet {
        /// The criterion of the split.
        by: SplitBy,
        /// The set.
        set: Set,
        /// The flags that omit the set.
        without: &'static str,
    },
    /// All utterances of a set were left out.
    #[error("no {set} utterance is left: {left_out}")]
    NothingLeft {
        /// The set.
        set: Set,
        /// The reasons, with counts.
        left_out: String,
    },
    /// No annotated utterance has an alignment.
    #[error(
        "none of {utterances} annotated utterances has an alignment (for example `{example}`: {why}), so there is nothing to train on"
    )]
    NoAlignments {
        /// Number of annotated utterances.
        utterances: usize,
        /// One of them.
        example: String,
        /// Why it has none.
        why: String,
    },
    /// More states than a model can have outputs.
    #[error(
        "the alignments contain {found} different states, expected at most {MAX_SENONES}: check that the symbols are states"
    )]
    TooManyStates {
        /// Number of states in the annotated part.
        found: usize,
    },
    /// The table of pdfs is malformed.
    #[error("{path}{}: expected {expected}, found {found}", OfLine(*.line))]
    PdfTable {
        /// The file.
        path: String,
        /// From 1; `None` if it is the table as a whole.
        line: Option<usize>,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// An alignment has a pdf that the table does not have.
    #[error(
        "{path}: utterance `{utterance}`, at {ms} ms: expected pdfs from 0 to {last}, which {table} has, found {pdf}: alignments and \
         table are of different models"
    )]
    UnknownPdf {
        /// The file of alignments.
        path: String,
        /// The utterance.
        utterance: String,
        /// When in the utterance, milliseconds.
        ms: i64,
        /// The number found.
        pdf: u32,
        /// The largest number in the table.
        last: usize,
        /// The file of the table.
        table: String,
    },
    /// More recordings are unusable than allowed.
    #[error(
        "{bad} of {recordings} recordings cannot be used, more than the fraction {allowed} allowed by --max-bad:\n{list}"
    )]
    TooManyBad {
        /// Number of unusable recordings.
        bad: usize,
        /// Number of recordings in the corpus.
        recordings: usize,
        /// `--max-bad`.
        allowed: f64,
        /// The first ones with reasons, one per line.
        list: String,
    },
    /// The corpus has no recording that can be read.
    #[error("no recording can be read")]
    NoRecordings,
    /// The aligner died, hung, or gave an answer that does not match the request.
    #[error("the aligner `{command}` {what}")]
    Aligner {
        /// Its command line.
        command: String,
        /// What happened, and at which utterance.
        what: String,
    },
    /// The record of a split cannot be read, or was made of another corpus.
    #[error("{path}: {what}")]
    Split {
        /// The file.
        path: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A signal requested termination.
    #[error("stopped by a signal; start again to continue: the aligner's answers are kept")]
    Stopped,
    /// A file or a program cannot be accessed.
    #[error("cannot {doing}: {source}")]
    Io {
        /// The attempted operation, with the path or the command.
        doing: String,
        /// The cause.
        source: io::Error,
    },
    /// The output folder, or a file in it, cannot be written.
    #[error("cannot {doing}: {source}")]
    Output {
        /// The attempted operation, with the path.
        doing: String,
        /// The cause.
        source: io::Error,
    },
    /// The corpus's tables, a CTM file or the filter bank's settings are invalid.
    #[error("{0}")]
    Audio(#[from] stentor_audio::Error),
    /// The states do not form a valid inventory.
    #[error("{0}")]
    Inventory(#[from] stentor_inventory::Error),
    /// A set cannot be written.
    #[error("{0}")]
    Shards(#[from] stentor_shards::Error),
    /// The output folder cannot be read or written.
    #[error("{0}")]
    Store(#[from] stentor_store::Error),
    /// A value cannot be serialised as JSON.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Why groups are not enough for a set.
struct TooFew(Set);

impl std::fmt::Display for TooFew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Set::Unannotated => "they are too few or too large",
            Set::Annotated | Set::Dev | Set::Test => "too few of them have texts",
        })
    }
}

/// `, line 3`, or nothing.
struct OfLine(Option<usize>);

impl std::fmt::Display for OfLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, ", line {line}"))
    }
}

impl Error {
    /// Creates an [`Error::Io`] of the operation `doing`.
    pub(crate) fn io(doing: String) -> impl FnOnce(io::Error) -> Self {
        move |source| Error::Io { doing, source }
    }

    /// Creates an [`Error::Output`] of the operation `doing`.
    pub(crate) fn output(doing: String) -> impl FnOnce(io::Error) -> Self {
        move |source| Error::Output { doing, source }
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
            Error::Output { .. } => "E1219",
            Error::Audio(_) => "E1215",
            Error::Inventory(_) => "E1216",
            Error::Shards(error) => error.id(),
            Error::Store(error) => error.id(),
            Error::Json(_) => "E1217",
            Error::Split { .. } => "E1218",
            Error::PdfTable { .. } => "E1220",
            Error::UnknownPdf { .. } => "E1221",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        match self {
            Error::Option { .. }
            | Error::Locked { .. }
            | Error::Occupied { .. }
            | Error::Ungrouped { .. } => ExitStatus::Config,
            Error::Stopped => ExitStatus::Stopped,
            Error::Output { source, .. } => Fault::of_io("write", source).into(),
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
            | Error::Split { .. }
            | Error::PdfTable { .. }
            | Error::UnknownPdf { .. }
            | Error::Io { .. }
            | Error::Audio(_)
            | Error::Inventory(_)
            | Error::Json(_) => ExitStatus::Data,
        }
    }
}
