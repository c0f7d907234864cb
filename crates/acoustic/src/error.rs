use crate::supervision::SupervisionKind;
use std::fmt::Display;
use stentor_inventory::SenoneId;

/// What can go wrong with a model. A loss or gradient that is not finite is a value, not an error: see
/// [`Score::is_finite`](crate::Score::is_finite).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The device's name is not one of the known forms.
    #[error("unknown device `{found}`: expected `auto`, `cpu`, `cuda` or `cuda:N`")]
    UnknownDevice {
        /// What was asked for.
        found: String,
    },
    /// The device is known but cannot be had here.
    #[error("device `{requested}` cannot be used: {reason}; use `auto` or `cpu`")]
    DeviceUnavailable {
        /// What was asked for.
        requested: String,
        /// Why it cannot be had.
        reason: String,
    },
    /// Two sizes that must agree do not.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// Whose size.
        what: String,
        /// The size that fits.
        expected: String,
        /// The size that came.
        found: String,
    },
    /// A parameter of the model is not in the file.
    #[error("parameter `{name}` is missing: the file is of another model, or incomplete")]
    MissingParameter {
        /// Its name.
        name: String,
    },
    /// The file has a parameter that the model has not.
    #[error("parameter `{name}` is unknown to this model: the file is of another model")]
    UnknownParameter {
        /// Its name.
        name: String,
    },
    /// A parameter of the file has another shape than the model's.
    #[error(
        "parameter `{name}`: expected shape {expected:?}, found {found:?}: the file is of a model of another size"
    )]
    ParameterShape {
        /// Its name.
        name: String,
        /// The model's shape.
        expected: Vec<usize>,
        /// The file's shape.
        found: Vec<usize>,
    },
    /// An objective lacks the targets that it compares with.
    #[error("objective `{objective}` needs {missing}, and the batch has none")]
    MissingTargets {
        /// The objective.
        objective: &'static str,
        /// What is missing.
        missing: &'static str,
    },
    /// An objective needs what a training step does not provide.
    #[error("objective `{objective}` needs {need}, and this training step does not provide it")]
    Unmet {
        /// The objective.
        objective: &'static str,
        /// What it needs.
        need: &'static str,
    },
    /// Sequences of one batch have different kinds of labels.
    #[error(
        "chunk {chunk} has {found}, and the chunks before it have {expected}: a batch has labels of one kind"
    )]
    MixedSupervision {
        /// The first one that differs.
        chunk: usize,
        /// The kind of those before it.
        expected: SupervisionKind,
        /// Its own kind.
        found: SupervisionKind,
    },
    /// The architecture is outside its bounds.
    #[error(transparent)]
    Architecture(stentor_experiment::Error),
    /// A label names a senone that the model does not have.
    #[error(
        "label {found} of {place}: the model has {senones} senones; the labels are of another senone set"
    )]
    Label {
        /// The senone's id.
        found: SenoneId,
        /// The chunk of the batch, or the utterance.
        place: String,
        /// Outputs of the model.
        senones: usize,
    },
    /// Frame-by-frame work was asked of a model that needs the whole utterance.
    #[error("a bidirectional model needs whole utterances: it cannot run frame by frame")]
    NotStreaming,
    /// A change was asked for of parameters that are frozen.
    #[error(
        "the parameters are frozen: a model that was loaded to infer does not learn; build one and load them into it"
    )]
    Frozen,
    /// Parameters that may still change cannot be shared.
    #[error("the parameters may still change: only a model that was loaded to infer shares them")]
    NotFrozen,
    /// libtorch refused.
    #[error("libtorch: {0}")]
    Torch(String),
}

impl Error {
    pub(crate) fn shape(what: impl Display, expected: impl Display, found: impl Display) -> Self {
        Self::Shape { what: what.to_string(), expected: expected.to_string(), found: found.to_string() }
    }
}

impl From<tch::TchError> for Error {
    fn from(error: tch::TchError) -> Self {
        // libtorch appends a C++ stack trace, which helps nobody who reads a log.
        let text = error.to_string();
        let text = text.strip_prefix("Internal torch error: ").unwrap_or(&text);
        Self::Torch(text.lines().next().unwrap_or_default().trim_end().to_owned())
    }
}
