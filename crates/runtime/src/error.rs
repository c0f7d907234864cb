use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use stentor_exit::{ExitStatus, ProgramError};

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `STENTOR_LOG` cannot be read as a filter.
    #[error(
        "STENTOR_LOG must be a level (error, warn, info, debug, trace) or a list like `info,stentor_worker=debug`, \
         found `{found}`: {reason}"
    )]
    LogFilter {
        /// The variable's value.
        found: String,
        /// The parser's error message.
        reason: String,
    },
    /// `STENTOR_LOG_FORMAT` is neither `human` nor `json`.
    #[error("STENTOR_LOG_FORMAT must be `human` or `json`, found `{found}`")]
    LogFormat {
        /// The variable's value.
        found: String,
    },
    /// The metrics listener cannot use its address.
    #[error("cannot listen for metrics on {address}: {source}; choose a free port, or port 0 for any")]
    MetricsAddress {
        /// The requested address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The metrics listener was bound but cannot be served.
    #[error("cannot serve metrics: {0}")]
    MetricsListener(io::Error),
    /// The metrics pipeline refused its settings.
    #[error("cannot set up metrics: {0}")]
    MetricsPipeline(String),
    /// `STENTOR_OTLP` is not a collector's address.
    #[error(
        "STENTOR_OTLP must be a collector's gRPC address such as http://host:4317, found `{found}`: {reason}"
    )]
    Collector {
        /// The variable's value.
        found: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Telemetry belongs to the process and is set up once.
    #[error("telemetry is already set up in this process; call telemetry::init once, in main")]
    AlreadyInitialised,
    /// The threads for I/O cannot be started.
    #[error("cannot start the I/O runtime: {0}")]
    Threads(io::Error),
    /// A child process could not be started.
    #[error("cannot start {name} ({program}): {source}")]
    Spawn {
        /// The child's name.
        name: String,
        /// The program that was tried.
        program: String,
        /// The system's error.
        source: io::Error,
    },
    /// A child process could not be waited for or signalled.
    #[error("cannot {attempt} {name}: {source}")]
    Supervise {
        /// The operation that failed.
        attempt: &'static str,
        /// The child's name.
        name: String,
        /// The system's error.
        source: io::Error,
    },
    /// The limit of open files is too low.
    #[error(
        "expected a limit of at least {needed} open files, found {found}; raise the hard limit before the start: \
         `ulimit -Hn {needed}`, LimitNOFILE= of systemd, or `ulimits` of compose"
    )]
    Descriptors {
        /// What a small cluster needs.
        needed: u64,
        /// The limit.
        found: u64,
    },
    /// A token's file cannot be read.
    #[error("{}: expected a token for people's endpoints, found: {source}; name a readable file of one line", path.display())]
    TokenFile {
        /// As given.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A setting does not contain exactly one token. Its content is not repeated.
    #[error(
        "{place}: expected one token of at least 16 printable ASCII characters without white space, found {found}; make one \
         with `openssl rand -hex 32`"
    )]
    Token {
        /// The file or variable.
        place: String,
        /// What is wrong with it, without revealing its content.
        found: String,
    },
}

impl ProgramError for Error {
    fn id(&self) -> &'static str {
        match self {
            Error::TokenFile { .. } | Error::Token { .. } => "E0515",
            Error::LogFilter { .. } | Error::LogFormat { .. } => "E1001",
            Error::MetricsAddress { .. } | Error::MetricsListener(_) | Error::MetricsPipeline(_) => "E1002",
            Error::Collector { .. } => "E1003",
            Error::AlreadyInitialised => "E1004",
            Error::Threads(_) => "E1005",
            Error::Spawn { .. } | Error::Supervise { .. } => "E1006",
            Error::Descriptors { .. } => "E1007",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        match self {
            Error::LogFilter { .. }
            | Error::LogFormat { .. }
            | Error::MetricsAddress { .. }
            | Error::MetricsListener(_)
            | Error::MetricsPipeline(_)
            | Error::Collector { .. }
            | Error::AlreadyInitialised
            | Error::Spawn { .. }
            | Error::Descriptors { .. }
            | Error::TokenFile { .. }
            | Error::Token { .. } => ExitStatus::Config,
            Error::Threads(_) | Error::Supervise { .. } => ExitStatus::Failure,
        }
    }
}
