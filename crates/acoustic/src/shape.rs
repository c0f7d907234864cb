use crate::error::Error;
use stentor_experiment::{Family, Model};
use stentor_inventory::MAX_SENONES;

/// A model's size: everything that decides the names and shapes of its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelShape {
    /// Family, layers, width and direction, with the preset written out.
    pub model: Model,
    /// Features of a frame.
    pub inputs: usize,
    /// Outputs of a frame.
    pub senones: usize,
}

impl ModelShape {
    /// A shape of at least one input and 2 to 65,536 senones (ids are 16 bits wide).
    ///
    /// # Errors
    /// [`Error::Shape`] for other sizes.
    pub fn new(model: &Model, inputs: usize, senones: usize) -> Result<Self, Error> {
        let shape = Self { model: model.resolved(), inputs, senones };
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
        if self.model.layers == 0 || self.model.width == 0 {
            let found = format!("{} layers of {} units", self.model.layers, self.model.width);
            return Err(Error::shape("model", "at least 1 layer of at least 1 unit", found));
        }
        Ok(())
    }

    /// Units of a layer and direction.
    #[must_use]
    pub fn width(&self) -> usize {
        self.model.width as usize
    }

    /// Number of layers.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.model.layers as usize
    }

    /// 2 for a bidirectional model, else 1.
    #[must_use]
    pub fn directions(&self) -> usize {
        if self.model.bidirectional { 2 } else { 1 }
    }

    /// Names and shapes of all parameters, in the order in which they lie in the flat vector.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        match self.model.family {
            Family::Lstm => crate::lstm::parameters_of(self),
        }
    }

    /// Whether the parameter of this name is of the output layer: the only one whose sizes depend on the senones.
    #[must_use]
    pub fn is_output(&self, name: &str) -> bool {
        match self.model.family {
            Family::Lstm => name.starts_with("output."),
        }
    }

    /// Number of values in all parameters.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }
}
