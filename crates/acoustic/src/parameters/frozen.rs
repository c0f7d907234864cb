//! Vectors for inference: their values never change, they have no gradient, and threads share the storage.

use super::ParameterVector;
use super::layout::{NamedSlice, ParameterSlot, by_name, laid_out, leaf};
use crate::error::Error;
use tch::{Device, Tensor};

impl ParameterVector {
    /// Creates a frozen vector from values given by name in any order.
    ///
    /// # Errors
    /// See [`load_named`](Self::load_named); [`Error::Torch`] if the device has too little memory for them.
    pub fn frozen<'a>(
        parameters: Vec<(String, Vec<usize>)>,
        tensors: impl IntoIterator<Item = NamedSlice<'a>>,
        device: Device,
    ) -> Result<Self, Error> {
        let slots = laid_out(parameters);
        let values = Tensor::f_from_slice(&by_name(&slots, tensors)?)?.f_to_device(device)?;
        Self::frozen_on(slots, &values)
    }

    /// Returns another vector with the same storage, for another thread.
    ///
    /// # Errors
    /// [`Error::NotFrozen`] if the values can still change.
    pub fn share(&self) -> Result<Self, Error> {
        if !self.is_frozen() {
            return Err(Error::NotFrozen);
        }
        Self::frozen_on(self.slots.clone(), &self.values)
    }

    fn frozen_on(slots: Vec<ParameterSlot>, values: &Tensor) -> Result<Self, Error> {
        let views = slots.iter().map(|slot| leaf(values, slot, false)).collect::<Result<_, _>>()?;
        Ok(Self { slots, values: values.f_detach()?, views, gradient: Tensor::new() })
    }

    /// Whether the values can never change, so that there is no gradient.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        !self.gradient.defined()
    }

    pub(super) fn check_not_frozen(&self) -> Result<(), Error> {
        if self.is_frozen() { Err(Error::Frozen) } else { Ok(()) }
    }
}
