//! The model families: a file or folder each, and its line here.

use crate::error::Error;
use crate::lstm::LstmModel;
use crate::model::AcousticModel;
use crate::parameters::NamedSlice;
use crate::shape::ModelShape;
use stentor_experiment::Architecture;
use tch::Device;

/// A model with freshly initialised parameters: the same bits for the same shape and seed, everywhere.
///
/// # Errors
/// [`Error::Shape`] and [`Error::Architecture`] for an impossible shape, [`Error::Torch`] where the device cannot hold the
/// model.
pub fn build(shape: &ModelShape, seed: u64, device: Device) -> Result<Box<dyn AcousticModel>, Error> {
    match shape.architecture {
        Architecture::Lstm(_) => Ok(Box::new(LstmModel::new(shape, seed, device)?)),
    }
}

/// A model with given parameters and buffers, by name in any order, that only infers: it holds no gradient, its parameters
/// are frozen, and any number of threads may [`share`](AcousticModel::share) them.
///
/// # Errors
/// [`Error::Shape`] and [`Error::Architecture`] for an impossible shape, [`Error::UnknownParameter`],
/// [`Error::ParameterShape`] and [`Error::MissingParameter`] where the parameters are another model's, [`Error::Torch`]
/// where the device cannot hold them.
pub fn load<'a>(
    shape: &ModelShape,
    tensors: impl IntoIterator<Item = NamedSlice<'a>>,
    device: Device,
) -> Result<Box<dyn AcousticModel>, Error> {
    match shape.architecture {
        Architecture::Lstm(_) => Ok(Box::new(LstmModel::load(shape, tensors, device)?)),
    }
}
