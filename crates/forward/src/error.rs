/// Why a network cannot be made, or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A size of the architecture is out of its bounds.
    #[error("the model's architecture is not valid")]
    Architecture(#[source] stentor_experiment::Error),
    /// A number of inputs or outputs that no model has.
    #[error("{what} of the model: expected {expected}, found {found}")]
    Size {
        /// `inputs` or `outputs`.
        what: &'static str,
        /// What is possible.
        expected: &'static str,
        /// The number.
        found: usize,
    },
    /// A parameter of the architecture was not given.
    #[error("parameter `{name}` is missing: the file is of another model, or incomplete")]
    MissingParameter {
        /// Its name.
        name: String,
    },
    /// A parameter was given that the architecture does not have.
    #[error("parameter `{name}` is unknown to this model: the file is of another model")]
    UnknownParameter {
        /// Its name.
        name: String,
    },
    /// A parameter was given twice.
    #[error("parameter `{name}` was given twice")]
    RepeatedParameter {
        /// Its name.
        name: String,
    },
    /// A parameter has another shape than the architecture says.
    #[error(
        "parameter `{name}`: expected shape {expected:?}, found {found:?} with {values} values: the file is of a model of another size"
    )]
    ParameterShape {
        /// Its name.
        name: String,
        /// The architecture's shape.
        expected: Vec<usize>,
        /// The shape given.
        found: Vec<usize>,
        /// The number of values given.
        values: usize,
    },
    /// A parameter has a value that is not a finite number.
    #[error("parameter `{name}`: value {index} is {found}: the training of this model has diverged")]
    ParameterValue {
        /// Its name.
        name: String,
        /// Which of its values, counted from 0.
        index: usize,
        /// The value.
        found: f32,
    },
    /// Features that are not a whole number of frames.
    #[error("expected whole frames of {inputs} values, found {values} values")]
    Frames {
        /// Values of a frame.
        inputs: usize,
        /// The number of values given.
        values: usize,
    },
    /// A feature that is not a finite number.
    #[error("frame {frame}, value {index}: expected a finite number, found {found}")]
    Feature {
        /// The frame, counted from 0 at the beginning of the utterance or stream.
        frame: u64,
        /// Which of its values, counted from 0.
        index: usize,
        /// The value.
        found: f32,
    },
    /// A bidirectional network cannot process frames as they come.
    #[error("the model is bidirectional, so it needs whole utterances: use a unidirectional one for streams")]
    NotStreaming,
}
