//! The model families: each is a file or folder, with an entry here.

use crate::error::Error;
use crate::lstm::LstmModel;
use crate::model::AcousticModel;
use crate::parameters::NamedSlice;
use crate::shape::ModelShape;
use stentor_experiment::Architecture;
use tch::Device;

/// Builds a model with newly initialised parameters: the same shape and seed give the same bits on every machine.
///
/// # Errors
/// [`Error::Shape`] and [`Error::Architecture`] for an impossible shape, [`Error::Torch`] if the device has too little
/// memory for the model.
pub fn build(shape: &ModelShape, seed: u64, device: Device) -> Result<Box<dyn AcousticModel>, Error> {
    match shape.architecture {
        Architecture::Lstm(_) => Ok(Box::new(LstmModel::new(shape, seed, device)?)),
    }
}

/// Loads a model for inference from parameters and buffers, given by name in any order. It has no gradient, its
/// parameters are frozen, and any number of threads may [`share`](AcousticModel::share) them.
///
/// # Errors
/// [`Error::Shape`] and [`Error::Architecture`] for an impossible shape, [`Error::UnknownParameter`],
/// [`Error::ParameterShape`] and [`Error::MissingParameter`] if the parameters belong to a different model,
/// [`Error::Torch`] if the device has too little memory for them.
pub fn load<'a>(
    shape: &ModelShape,
    tensors: impl IntoIterator<Item = NamedSlice<'a>>,
    device: Device,
) -> Result<Box<dyn AcousticModel>, Error> {
    match shape.architecture {
        Architecture::Lstm(_) => Ok(Box::new(LstmModel::load(shape, tensors, device)?)),
    }
}
