//! A model's parameters as one flat vector, trainable or frozen.

mod frozen;
mod gradient;
mod host;
mod layout;

#[cfg(test)]
mod tests;

pub use layout::{NamedSlice, NamedValues, ParameterSlot};

use crate::error::Error;
use host::{changed, copy_to_host, shown};
use layout::{by_name, laid_out, leaf};
use tch::{Device, Tensor};

/// All parameters of a model as one contiguous f32 vector, and the gradient as another.
///
/// The named parameters are leaf views into the flat vector's storage: a step added to the vector takes effect in the
/// model at once, and no copy is needed for the optimiser, the exchange or a checkpoint.
///
/// A frozen vector, for inference only, has no gradient, its values never change, and any number of threads may share
/// its storage ([`share`](Self::share)).
#[derive(Debug)]
pub struct ParameterVector {
    slots: Vec<ParameterSlot>,
    values: Tensor,
    views: Vec<Tensor>,
    /// Undefined for a frozen vector.
    gradient: Tensor,
}

impl ParameterVector {
    /// Lays out parameters in the order given; `fill` writes a parameter's initial values over zeros.
    ///
    /// # Errors
    /// [`Error::Torch`] if the device has too little memory for them.
    pub fn new(
        parameters: Vec<(String, Vec<usize>)>,
        mut fill: impl FnMut(&ParameterSlot, &mut [f32]),
        device: Device,
    ) -> Result<Self, Error> {
        let slots = laid_out(parameters);
        let mut host = vec![0f32; slots.last().map_or(0, |slot| slot.offset + slot.len)];
        for slot in &slots {
            fill(slot, &mut host[slot.offset..slot.offset + slot.len]);
        }
        let values = Tensor::f_from_slice(&host)?.f_to_device(device)?;
        let gradient = values.f_zeros_like()?;
        let views = slots.iter().map(|slot| leaf(&values, slot, true)).collect::<Result<_, _>>()?;
        Ok(Self { slots, values, views, gradient })
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.last().map_or(0, |slot| slot.offset + slot.len)
    }

    /// Whether there are no parameters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names, shapes and positions, in the order of the flat vector.
    #[must_use]
    pub fn slots(&self) -> &[ParameterSlot] {
        &self.slots
    }

    /// The device of the values.
    #[must_use]
    pub fn device(&self) -> Device {
        self.values.device()
    }

    /// The flat vector, `[len]`.
    pub fn values(&self) -> &Tensor {
        &self.values
    }

    /// Returns the leaf view of the parameter with this name; an objective on weights differentiates through it.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<&Tensor> {
        let index = self.slots.iter().position(|slot| slot.name == name)?;
        Some(&self.views[index])
    }

    /// The leaf views in the order of [`slots`](Self::slots).
    pub fn views(&self) -> &[Tensor] {
        &self.views
    }

    /// Returns a copy of all values.
    ///
    /// # Panics
    /// If the device is lost.
    #[must_use]
    pub fn to_host(&self) -> Vec<f32> {
        copy_to_host(&self.values)
    }

    /// Passes all values to `f`, without a copy if they are on the CPU.
    pub fn with_host<T>(&self, f: impl FnOnce(&[f32]) -> T) -> T {
        shown(&self.values, f)
    }

    /// Lets `f` change the values in place; on other devices, in a copy that is then loaded.
    ///
    /// # Errors
    /// [`Error::Torch`] if libtorch fails, [`Error::Frozen`].
    pub fn change_host<T>(&self, f: impl FnOnce(&mut [f32]) -> T) -> Result<T, Error> {
        self.check_not_frozen()?;
        changed(&self.values, f)
    }

    /// Overwrites all values.
    ///
    /// # Errors
    /// [`Error::Shape`] for a different length, [`Error::Frozen`].
    pub fn load_host(&self, values: &[f32]) -> Result<(), Error> {
        self.check_not_frozen()?;
        if values.len() != self.len() {
            return Err(Error::shape("parameter vector", self.len(), values.len()));
        }
        let source = Tensor::f_from_slice(values)?;
        tch::no_grad(|| self.values.shallow_clone().f_copy_(&source))?;
        Ok(())
    }

    /// Overwrites all values by name, in any order. Nothing changes unless every name and shape matches.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], [`Error::ParameterShape`] or [`Error::MissingParameter`], naming the first
    /// mismatch; [`Error::Frozen`].
    pub fn load_named<'a>(&self, tensors: impl IntoIterator<Item = NamedSlice<'a>>) -> Result<(), Error> {
        self.load_host(&by_name(&self.slots, tensors)?)
    }

    /// Adds a step `[len]`, as returned by an optimiser or an exchange, to all values.
    ///
    /// # Errors
    /// [`Error::Shape`] for a different length, [`Error::Frozen`].
    pub fn add(&self, step: &Tensor) -> Result<(), Error> {
        self.check_not_frozen()?;
        if step.size() != [self.len() as i64] {
            return Err(Error::shape("step", self.len(), format!("{:?}", step.size())));
        }
        let _ = tch::no_grad(|| self.values.shallow_clone().f_add_(step))?;
        Ok(())
    }

    /// Returns copies of all parameters with their names, in the order of the flat vector.
    #[must_use]
    pub fn tensors(&self) -> Vec<NamedValues> {
        let host = self.to_host();
        let copy = |slot: &ParameterSlot| NamedValues {
            name: slot.name.clone(),
            shape: slot.shape.clone(),
            values: host[slot.offset..slot.offset + slot.len].to_vec(),
        };
        self.slots.iter().map(copy).collect()
    }
}
