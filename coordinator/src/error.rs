use stentor_runtime::{ExitStatus, ProgramError};
use thiserror::Error;

/// Why a coordinator cannot start or continue.
#[derive(Debug, Error)]
pub enum Error {
    /// The experiment file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// As given on the command line.
        path: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// The experiment is not valid.
    #[error("{path}: {source}")]
    Experiment {
        /// As given on the command line.
        path: String,
        /// The error and its place.
        source: stentor_experiment::Error,
    },
    /// The data cannot be used.
    #[error(transparent)]
    Data(#[from] stentor_dataset::Error),
    /// The object store failed.
    #[error(transparent)]
    Store(#[from] stentor_store::Error),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] stentor_checkpoint::Error),
    /// The output already contains a run.
    #[error(
        "`run.output`: expected an empty folder, found run `{run}` in {output}; continue it with --resume or name another output"
    )]
    Occupied {
        /// `run.output`.
        output: String,
        /// Its run id.
        run: String,
    },
    /// A checkpoint belongs to another experiment.
    #[error(
        "{output}: expected a checkpoint of {expected}, found one of {found}; resume with the run's own experiment file and data, or name another output"
    )]
    OtherRun {
        /// `run.output`.
        output: String,
        /// What this run expects.
        expected: String,
        /// What the checkpoint says.
        found: String,
    },
    /// An earlier coordinator's records of the run cannot be read, or the run cannot continue from them.
    #[error(transparent)]
    Log(#[from] stentor_runlog::Error),
    /// The model to start from cannot be read.
    #[error("`model.start`: {0}")]
    StartUnread(#[source] stentor_checkpoint::Error),
    /// There are checkpoints, and none of them is whole.
    #[error(
        "{output}: expected a whole checkpoint to continue from, found only damaged ones: {checkpoint}: {reason}; restore one, or remove \
         the folder `checkpoints` to begin the run again from its start"
    )]
    NothingWhole {
        /// The run's folder.
        output: String,
        /// The newest of them.
        checkpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The model that a signed run starts from is not signed with a key that counts.
    #[error(
        "`model.start`: {0}; expected a model that is signed with --signing-key or a --public-key, because this run is signed; \
         --unsigned-start starts from it all the same"
    )]
    StartUnproven(#[source] stentor_checkpoint::Error),
    /// The model to start from does not fit this run.
    #[error("{location}: `model.start`: expected a model with {expected}, found {found}; {remedy}")]
    StartMisfit {
        /// `model.start`.
        location: String,
        /// What the run requires.
        expected: String,
        /// What the model has.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The model at `model.start` is not the one that the run started from.
    #[error(
        "{location}: `model.start`: expected {expected}, which the run started from, found {found}; put that model back, \
         or name the run's own copy, {copy}"
    )]
    OtherStart {
        /// `model.start`.
        location: String,
        /// Location of the run's copy of the model that it started from.
        copy: String,
        /// The model that the run started from.
        expected: String,
        /// The model found.
        found: String,
    },
    /// Neither the run's copy of the model that it started from nor that model itself can be read.
    #[error(
        "{copy}, the run's copy of the model that it started from, is damaged ({damage}), and the original cannot be read \
         from `model.start`, {location} ({source}); restore one of them"
    )]
    StartLost {
        /// Location of the copy.
        copy: String,
        /// What is wrong with the copy.
        damage: String,
        /// `model.start`.
        location: String,
        /// Why the original cannot be read.
        source: Box<stentor_checkpoint::Error>,
    },
    /// A number of a reducer that the experiment does not list.
    #[error(
        "expected the place of a reducer in `exchange.reducers`, from 0, found {index}; the experiment file lists {reducers} reducers"
    )]
    NoSuchReducer {
        /// The number given.
        index: usize,
        /// Number of reducers in the experiment.
        reducers: usize,
    },
    /// The certificates cannot be used, or the listener would accept anybody.
    #[error(transparent)]
    Tls(#[from] stentor_runtime::tls::Error),
    /// A key to sign or verify with cannot be used.
    #[error(transparent)]
    Keys(stentor_signature::Error),
    /// The run is signed, and this process has no key.
    #[error(
        "{output}: the run is signed: expected the key to continue it with (--signing-key), found none; without it the run would have          checkpoints that nobody can verify"
    )]
    KeyMissing {
        /// `run.output`.
        output: String,
    },
    /// None of the run's checkpoints has its signature.
    #[error(
        "{output}: expected checkpoints with the run's signature, found none: {checkpoint}: {reason}; if the run was not signed until          now, continue it without --signing-key, or start another run from its model (`model.start`, with --unsigned-start); if it was, its checkpoints are          forged: restore them"
    )]
    NothingSigned {
        /// `run.output`.
        output: String,
        /// One of the checkpoints.
        checkpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An option of the program cannot be used.
    #[error(transparent)]
    Setting(#[from] stentor_runtime::Error),
    /// The listener or server failed.
    #[error("gRPC server: {0}")]
    Server(#[from] tonic::transport::Error),
    /// Too few members.
    #[error("lost quorum: {0}")]
    LostQuorum(String),
    /// More of the data is unusable than is allowed, or a worker found data that no worker could use.
    #[error("{0}")]
    BadData(String),
    /// Replicas that must hold the same parameters do not.
    #[error("stopped: {0}; continue with --resume from the checkpoint before")]
    Disagreement(String),
    /// A loss or gradient is not finite.
    #[error("stopped: {0}; lower schedule.learning_rate, or look at the batch in the run's folder `poison`")]
    NonFinite(String),
    /// The ledger contradicts itself.
    #[error("stopped: {0}; this is a bug")]
    Broken(String),
    /// Another coordinator has claimed the run.
    #[error(
        "stopped: incarnation {by} has taken over the run; this process was considered dead, and is not needed while the other one lives"
    )]
    Replaced {
        /// Its incarnation.
        by: u64,
    },
    /// A signal stopped the program.
    #[error("stopped by a signal; continue with --resume")]
    Interrupted,
}

impl ProgramError for Error {
    fn id(&self) -> &'static str {
        match self {
            Error::Read { .. } => "E0501",
            Error::Experiment { source, .. } => source.id(),
            Error::Data(error) => error.id(),
            Error::Store(error) => error.id(),
            Error::Checkpoint(error) | Error::StartUnread(error) | Error::StartUnproven(error) => error.id(),
            Error::Log(error) => error.id(),
            Error::Occupied { .. } => "E0502",
            Error::OtherRun { .. } => "E0503",
            Error::NoSuchReducer { .. } => "E0506",
            Error::Tls(error) => error.id(),
            Error::Setting(error) => error.id(),
            Error::Server(_) => "E0507",
            Error::LostQuorum(_) => "E0508",
            Error::BadData(_) => "E0509",
            Error::Disagreement(_) => "E0510",
            Error::Interrupted => "E0511",
            Error::NonFinite(_) => "E0512",
            Error::Broken(_) => "E0513",
            Error::Replaced { .. } => "E0514",
            Error::Keys(error) => error.id(),
            Error::KeyMissing { .. } => "E0519",
            Error::NothingSigned { .. } => "E0520",
            Error::NothingWhole { .. } => "E0521",
            Error::StartMisfit { .. } => "E0516",
            Error::OtherStart { .. } => "E0517",
            Error::StartLost { .. } => "E0518",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        match self {
            Error::Store(error) => error.exit_status(),
            Error::Experiment { source, .. } => source.exit_status(),
            Error::Data(error) => error.exit_status(),
            Error::Checkpoint(error) | Error::StartUnread(error) | Error::StartUnproven(error) => {
                error.exit_status()
            }
            Error::StartLost { source, .. } => source.exit_status(),
            Error::Log(error) => error.exit_status(),
            Error::Setting(error) => error.exit_status(),
            Error::Keys(error) => error.exit_status(),
            Error::KeyMissing { .. } => ExitStatus::Config,
            Error::Read { .. } | Error::Occupied { .. } | Error::NoSuchReducer { .. } => ExitStatus::Config,
            Error::Tls(error) => error.exit_status(),
            Error::BadData(_)
            | Error::NothingSigned { .. }
            | Error::NothingWhole { .. }
            | Error::OtherRun { .. }
            | Error::StartMisfit { .. }
            | Error::OtherStart { .. } => ExitStatus::Data,
            Error::LostQuorum(_) => ExitStatus::LostQuorum,
            Error::Disagreement(_) => ExitStatus::Disagreement,
            Error::NonFinite(_) => ExitStatus::NonFinite,
            Error::Broken(_) => ExitStatus::Failure,
            Error::Interrupted => ExitStatus::Stopped,
            Error::Replaced { .. } => ExitStatus::Excluded,
            Error::Server(_) => ExitStatus::Retryable,
        }
    }
}

impl Error {
    /// Whether the program ended on request, without a failure.
    #[must_use]
    pub fn is_by_request(&self) -> bool {
        matches!(self, Error::Interrupted)
    }
}
