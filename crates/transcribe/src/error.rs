use std::io;
use stentor_exit::{ExitStatus, ProgramError};

/// Why something cannot be transcribed, or a bundle cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of a bundle cannot be read or written.
    #[error("cannot {action} {path}")]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A folder without a bundle.
    #[error(
        "no model folder at {path}: expected a folder that `stentor export --bundle` made, with `bundle.json` in it"
    )]
    NoBundle {
        /// As given.
        path: String,
    },
    /// The description of a bundle cannot be understood.
    #[error("{path} is damaged: {reason}")]
    Description {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The description was changed after it was written.
    #[error("{path} is damaged: expected fingerprint {expected}, found {found}")]
    Fingerprint {
        /// The file.
        path: String,
        /// What the file says.
        expected: String,
        /// That of its content.
        found: String,
    },
    /// A bundle of another version.
    #[error(
        "{path} has schema version {found}, expected {expected}: use the version that wrote it, or export the model again"
    )]
    Version {
        /// The file.
        path: String,
        /// This program's version.
        expected: u32,
        /// The file's version.
        found: u64,
    },
    /// A part with other bytes than the description says, or without an entry there.
    #[error("part `{part}` of the bundle: expected {expected}, found {found}: copy the folder again, whole")]
    Part {
        /// Its name.
        part: String,
        /// What the description says.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A part that cannot be understood.
    #[error("part `{part}` of the bundle cannot be used: {reason}")]
    Content {
        /// Its name.
        part: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Parts that do not belong together.
    #[error("the parts of the bundle do not belong together: {what}: expected {expected}, found {found}")]
    Mismatch {
        /// What does not fit.
        what: &'static str,
        /// By the model.
        expected: String,
        /// By the other part.
        found: String,
    },
    /// The network.
    #[error(transparent)]
    Network(#[from] stentor_forward::Error),
    /// The recogniser: parts of another inventory, words without phones, posteriors that are not numbers.
    #[error(transparent)]
    Recogniser(#[from] stentor_recogniser::Error),
    /// The sound.
    #[error(transparent)]
    Audio(#[from] stentor_audio::Error),
    /// The sound ended before its time.
    #[error("the sound ended {after_s:.3} s after its start, {why}: words up to there were recognised")]
    CutShort {
        /// How much there was.
        after_s: f64,
        /// What is missing.
        why: String,
    },
    /// A stream that ended at once: whatever was to write it has probably failed.
    #[error("expected raw audio, found the end of the stream before the first sample")]
    NoSound,
    /// Parts of the sound cannot be decoded.
    #[error(
        "{packets} pieces of the sound are damaged, {lost_s:.3} of {of_s:.3} s: the rest was recognised, with silence in their place; \
         get the file once more"
    )]
    Damaged {
        /// How many packets.
        packets: u64,
        /// How long they are.
        lost_s: f64,
        /// How long the file is.
        of_s: f64,
    },
    /// The stream cannot be read.
    #[error("the sound cannot be read on after {after_s:.3} s: words up to there were recognised")]
    Stream {
        /// How much there was.
        after_s: f64,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// Results cannot be written.
    #[error("cannot write the words")]
    Output(#[source] io::Error),
    /// Options that contradict each other.
    #[error("{0}")]
    Options(String),
    /// A signal.
    #[error("stopped by a signal after {after_s:.3} s of sound: words up to there were written")]
    Stopped {
        /// How much was recognised.
        after_s: f64,
    },
    /// A list of phrases cannot be read.
    #[error("cannot read the phrases of {path}")]
    PhrasesFile {
        /// The file.
        path: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A line of a list of phrases.
    #[error(transparent)]
    Phrases(stentor_recogniser::Error),
    /// Any of the others, and where it happened.
    #[error("{}{}", told(place, error), rest(*later))]
    At {
        /// A file, a folder, or standard input.
        place: String,
        /// What happened.
        error: Box<Error>,
        /// Files that were to be transcribed after this one, and were not.
        later: usize,
    },
}

impl Error {
    pub(crate) fn at(self, place: impl std::fmt::Display) -> Self {
        Error::At { place: place.to_string(), error: Box::new(self), later: 0 }
    }
}

/// A place, an error and its causes; what one of them has said already is not said again.
fn told(place: &str, error: &Error) -> String {
    let mut words = error.to_string();
    for cause in std::iter::successors(std::error::Error::source(error), |cause| cause.source()) {
        let cause = cause.to_string();
        if !words.contains(&cause) {
            words += &format!(": {cause}");
        }
    }
    if words.starts_with(&format!("cannot read {place}: ")) { words } else { format!("{place}: {words}") }
}

fn rest(later: usize) -> String {
    match later {
        0 => String::new(),
        1 => "; the file after it was not transcribed".to_owned(),
        _ => format!("; the {later} files after it were not transcribed"),
    }
}

/// A place that cannot be is the command line's fault, and a disk may have room again.
fn status_of(error: &io::Error) -> ExitStatus {
    use io::ErrorKind as K;
    match error.kind() {
        K::NotFound
        | K::NotADirectory
        | K::IsADirectory
        | K::AlreadyExists
        | K::ReadOnlyFilesystem
        | K::InvalidFilename
        | K::InvalidInput
        | K::Unsupported => ExitStatus::Config,
        K::InvalidData => ExitStatus::Data,
        K::PermissionDenied => ExitStatus::Auth,
        K::StorageFull | K::QuotaExceeded => ExitStatus::Retryable,
        _ => ExitStatus::Failure,
    }
}

impl ProgramError for Error {
    fn id(&self) -> &'static str {
        match self {
            Error::File { .. } => "E1501",
            Error::NoBundle { .. } => "E1502",
            Error::Description { .. } => "E1503",
            Error::Fingerprint { .. } => "E1504",
            Error::Version { .. } => "E1505",
            Error::Part { .. } => "E1506",
            Error::Content { .. } => "E1507",
            Error::Mismatch { .. } => "E1508",
            Error::Network(_) => "E1509",
            Error::Recogniser(_) => "E1510",
            Error::Audio(_) => "E1511",
            Error::CutShort { .. } | Error::NoSound | Error::Damaged { .. } => "E1512",
            Error::Stream { .. } => "E1513",
            Error::Output(_) => "E1514",
            Error::Options(_) => "E1515",
            Error::Stopped { .. } => "E1516",
            Error::PhrasesFile { .. } | Error::Phrases(_) => "E1517",
            Error::At { error, .. } => error.id(),
        }
    }

    fn exit_status(&self) -> ExitStatus {
        match self {
            Error::NoBundle { .. } | Error::Options(_) => ExitStatus::Config,
            Error::File { source, .. }
            | Error::PhrasesFile { source, .. }
            | Error::Stream { source, .. }
            | Error::Output(source) => status_of(source),
            Error::Stopped { .. } => ExitStatus::Stopped,
            Error::At { error, .. } => error.exit_status(),
            _ => ExitStatus::Data,
        }
    }
}
