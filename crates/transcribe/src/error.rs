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
        source: std::io::Error,
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
    #[error("{what} ended {after_s:.3} s after its start, {why}: words up to there were recognised")]
    CutShort {
        /// File or stream.
        what: String,
        /// How much there was.
        after_s: f64,
        /// What is missing.
        why: String,
    },
    /// The stream cannot be read.
    #[error("cannot read {what} after {after_s:.3} s: words up to there were recognised")]
    Stream {
        /// The stream.
        what: String,
        /// How much there was.
        after_s: f64,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// Results cannot be written.
    #[error("cannot write the words")]
    Output(#[source] std::io::Error),
    /// Options that contradict each other.
    #[error("{0}")]
    Options(String),
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
            Error::CutShort { .. } => "E1512",
            Error::Stream { .. } => "E1513",
            Error::Output(_) => "E1514",
            Error::Options(_) => "E1515",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        match self {
            Error::NoBundle { .. } | Error::Options(_) => ExitStatus::Config,
            Error::File { .. } | Error::Output(_) | Error::Stream { .. } => ExitStatus::Failure,
            _ => ExitStatus::Data,
        }
    }
}
