use crate::error::Error;
use stentor_experiment::Architecture;
use stentor_inventory::MAX_SENONES;

/// A model's size: everything that decides the names and shapes of its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelShape {
    /// Family and its settings, with the preset written out.
    pub architecture: Architecture,
    /// Features of a frame.
    pub inputs: usize,
    /// Outputs of a frame.
    pub senones: usize,
}

/// What goes into a model and what comes out of it, frame by frame: all that a batch needs to know of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameSizes {
    /// Features of a frame.
    pub inputs: usize,
    /// Outputs of an output frame.
    pub senones: usize,
    /// Frames that become one output frame, at least 1: the frame-rate ratio.
    pub ratio: usize,
}

impl FrameSizes {
    /// Output frames of a sequence of `frames` frames; the last one may stand for fewer frames than the others.
    #[must_use]
    pub fn output_frames(&self, frames: usize) -> usize {
        frames.div_ceil(self.ratio)
    }
}

impl ModelShape {
    /// A shape within the architecture's bounds, of at least one input and 2 to 65,536 senones (ids are 16 bits wide).
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
        // An architecture may come from a file, and parameters are allocated by it.
        self.architecture.validate().map_err(Error::Architecture)
    }

    /// Sizes of a frame. Every family of today has one output frame for each frame.
    #[must_use]
    pub fn frames(&self) -> FrameSizes {
        match self.architecture {
            Architecture::Lstm(_) => FrameSizes { inputs: self.inputs, senones: self.senones, ratio: 1 },
        }
    }

    /// Names and shapes of all parameters, in the order in which they lie in the flat vector.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        self.architecture.parameters(self.inputs, self.senones)
    }

    /// Whether the parameter of this name is of the output layer: the only one whose sizes depend on the senones.
    #[must_use]
    pub fn is_output(&self, name: &str) -> bool {
        self.architecture.is_output(name)
    }

    /// Number of values in all parameters.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.architecture.parameter_count(self.inputs, self.senones)
    }
}
