use crate::error::Error;
use stentor_experiment::Architecture;
use stentor_inventory::MAX_SENONES;

/// A model's size: everything that decides the names and shapes of its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelShape {
    /// Family and settings, with the preset resolved.
    pub architecture: Architecture,
    /// Number of features per frame.
    pub inputs: usize,
    /// Number of outputs per frame.
    pub senones: usize,
}

/// Sizes of a model's input and output per frame: all that a batch needs to know about a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameSizes {
    /// Number of features per frame.
    pub inputs: usize,
    /// Number of outputs per output frame.
    pub senones: usize,
    /// Number of frames that become one output frame, at least 1: the frame-rate ratio.
    pub ratio: usize,
    /// Number of frames that the model reads before it gives the output of a frame; a multiple of `ratio`. After an utterance's end it
    /// reads the last frame again.
    pub look_ahead: usize,
}

impl FrameSizes {
    /// Number of output frames for `frames` frames; the last one may represent fewer frames than the others.
    #[must_use]
    pub fn output_frames(&self, frames: usize) -> usize {
        frames.div_ceil(self.ratio)
    }
}

impl ModelShape {
    /// Checks that the shape is within the architecture's bounds, with at least one input and 2 to 65,536 senones (ids
    /// have 16 bits).
    ///
    /// # Errors
    /// [`Error::Shape`] for other sizes.
    pub fn new(architecture: &Architecture, inputs: usize, senones: usize) -> Result<Self, Error> {
        let shape = Self { architecture: architecture.resolved(), inputs, senones };
        shape.validate()?;
        Ok(shape)
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        if self.inputs == 0 {
            return Err(Error::shape("model inputs", "at least 1", self.inputs));
        }
        if !(2..=MAX_SENONES).contains(&self.senones) {
            return Err(Error::shape("model senones", "2 to 65536", self.senones));
        }
        // An architecture may come from a file, and its sizes decide what is allocated.
        self.architecture.validate().map_err(Error::Architecture)
    }

    /// Sizes of a frame. All current families have one output frame per frame.
    #[must_use]
    pub fn frames(&self) -> FrameSizes {
        match self.architecture {
            Architecture::Lstm(_) => FrameSizes {
                inputs: self.inputs,
                senones: self.senones,
                ratio: 1,
                look_ahead: self.architecture.look_ahead() as usize,
            },
        }
    }

    /// Names and shapes of all parameters, in the order in which they lie in the flat vector.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        self.architecture.parameters(self.inputs, self.senones)
    }

    /// Whether the parameter with this name belongs to the output layer, the only one whose sizes depend on the
    /// senones.
    #[must_use]
    pub fn is_output(&self, name: &str) -> bool {
        self.architecture.is_output(name)
    }

    /// Total number of values in all parameters.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.architecture.parameter_count(self.inputs, self.senones)
    }
}
