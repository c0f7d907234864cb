use crate::supervision::SupervisionKind;
use std::fmt::Display;
use stentor_exit::{ExitStatus, ProgramError};
use stentor_inventory::SenoneId;

/// Errors of models. A loss or gradient that is not finite is a value, not an error: see
/// [`Score::is_finite`](crate::Score::is_finite).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The device's name is not one of the known forms.
    #[error("unknown device `{found}`: expected `auto`, `cpu`, `cuda` or `cuda:N`")]
    UnknownDevice {
        /// The requested name.
        found: String,
    },
    /// The device is known but cannot be used on this machine.
    #[error("device `{requested}` cannot be used: {reason}; use `auto` or `cpu`")]
    DeviceUnavailable {
        /// The requested name.
        requested: String,
        /// The reason.
        reason: String,
    },
    /// Two sizes that must agree do not.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// The quantity.
        what: String,
        /// The expected value.
        expected: String,
        /// The value found.
        found: String,
    },
    /// A parameter of the model is not in the file.
    #[error("parameter `{name}` is missing: the file is of another model, or incomplete")]
    MissingParameter {
        /// Name of the parameter.
        name: String,
    },
    /// The file has a parameter that the model does not have.
    #[error("parameter `{name}` is unknown to this model: the file is of another model")]
    UnknownParameter {
        /// Name of the parameter.
        name: String,
    },
    /// A parameter's shape in the file differs from the model's.
    #[error(
        "parameter `{name}`: expected shape {expected:?}, found {found:?}: the file is of a model of another size"
    )]
    ParameterShape {
        /// Name of the parameter.
        name: String,
        /// The model's shape.
        expected: Vec<usize>,
        /// The file's shape.
        found: Vec<usize>,
    },
    /// An objective lacks its targets.
    #[error("objective `{objective}` needs {missing}, and the batch has none")]
    MissingTargets {
        /// Name of the objective.
        objective: &'static str,
        /// What is missing.
        missing: &'static str,
    },
    /// An objective needs an input that a training step does not provide.
    #[error("objective `{objective}` needs {need}, and this training step does not provide it")]
    Unmet {
        /// Name of the objective.
        objective: &'static str,
        /// The missing input.
        need: &'static str,
    },
    /// The sequences of a batch have different kinds of labels.
    #[error(
        "chunk {chunk} has {found}, and the chunks before it have {expected}: a batch has labels of one kind"
    )]
    MixedSupervision {
        /// The first one that differs.
        chunk: usize,
        /// The kind of the chunks before it.
        expected: SupervisionKind,
        /// The kind of this chunk.
        found: SupervisionKind,
    },
    /// The architecture is outside its bounds.
    #[error(transparent)]
    Architecture(stentor_experiment::Error),
    /// A label is a senone id that the model does not have.
    #[error(
        "label {found} of {place}: the model has {senones} senones; the labels belong to a different inventory"
    )]
    Label {
        /// The senone id.
        found: SenoneId,
        /// The chunk in the batch, or the utterance.
        place: String,
        /// Number of outputs of the model.
        senones: usize,
    },
    /// Frame-by-frame computation was requested of a model that needs whole utterances.
    #[error("a bidirectional model needs whole utterances: it cannot run frame by frame")]
    NotStreaming,
    /// A change of frozen parameters was requested.
    #[error(
        "the parameters are frozen: a model loaded for inference cannot learn; build a model and load the parameters into it"
    )]
    Frozen,
    /// Parameters that can still change cannot be shared.
    #[error("the parameters can still change: only a model loaded for inference can share them")]
    NotFrozen,
    /// libtorch returned an error.
    #[error("libtorch: {0}")]
    Torch(String),
}

impl Error {
    /// The exit code of a program that this error ends. What one machine lacks is no reason to end the programs on others.
    #[must_use]
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Self::DeviceUnavailable { .. } => ExitStatus::Excluded,
            Self::Torch(_) => ExitStatus::Failure,
            Self::Architecture(error) => error.exit_status(),
            Self::UnknownDevice { .. }
            | Self::Shape { .. }
            | Self::MissingParameter { .. }
            | Self::UnknownParameter { .. }
            | Self::ParameterShape { .. }
            | Self::MissingTargets { .. }
            | Self::Unmet { .. }
            | Self::MixedSupervision { .. }
            | Self::Label { .. }
            | Self::NotStreaming
            | Self::Frozen
            | Self::NotFrozen => ExitStatus::Config,
        }
    }

    pub(crate) fn shape(what: impl Display, expected: impl Display, found: impl Display) -> Self {
        Self::Shape { what: what.to_string(), expected: expected.to_string(), found: found.to_string() }
    }
}

impl From<tch::TchError> for Error {
    fn from(error: tch::TchError) -> Self {
        // libtorch appends a C++ stack trace, which is of no use to a reader of logs.
        let text = error.to_string();
        let text = text.strip_prefix("Internal torch error: ").unwrap_or(&text);
        Self::Torch(text.lines().next().unwrap_or_default().trim_end().to_owned())
    }
}
