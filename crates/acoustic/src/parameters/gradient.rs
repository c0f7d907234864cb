//! The flat gradient of a trainable vector.

use super::ParameterVector;
use super::host::{changed, copy_to_host, shown};
use crate::error::Error;
use tch::Tensor;

impl ParameterVector {
    /// The flat gradient, `[len]`: the sum of all backward passes since [`zero_grad`](Self::zero_grad). Undefined for a
    /// frozen vector.
    pub fn gradient(&self) -> &Tensor {
        &self.gradient
    }

    /// Passes the gradient to `f`, without a copy if it is on the CPU.
    pub fn with_host_gradient<T>(&self, f: impl FnOnce(&[f32]) -> T) -> T {
        shown(&self.gradient, f)
    }

    /// Lets `f` change the gradient in place, as [`change_host`](Self::change_host) does for the values.
    ///
    /// # Errors
    /// [`Error::Torch`] if libtorch fails, [`Error::Frozen`].
    pub fn change_host_gradient<T>(&self, f: impl FnOnce(&mut [f32]) -> T) -> Result<T, Error> {
        self.check_not_frozen()?;
        changed(&self.gradient, f)
    }

    /// Returns a copy of the gradient.
    ///
    /// # Panics
    /// If the device is lost.
    #[must_use]
    pub fn gradient_host(&self) -> Vec<f32> {
        copy_to_host(&self.gradient)
    }

    /// Sets the gradient to zero, if there is one.
    pub fn zero_grad(&self) {
        if self.gradient.defined() {
            let _ = tch::no_grad(|| self.gradient.shallow_clone().zero_());
        }
    }

    /// The slice of the flat gradient for the parameter with this index, in the parameter's shape.
    pub(crate) fn gradient_view(&self, index: usize) -> Result<Tensor, Error> {
        self.check_not_frozen()?;
        let slot = &self.slots[index];
        let place = self.gradient.f_narrow(0, slot.offset as i64, slot.len as i64)?;
        Ok(place.f_view(self.views[index].size().as_slice())?)
    }

    /// Adds the gradients of the views, in order, to the flat gradient; an undefined gradient counts as zero.
    pub(crate) fn accumulate(&self, gradients: &[Tensor]) -> Result<(), Error> {
        self.check_not_frozen()?;
        let _guard = tch::no_grad_guard();
        for (slot, gradient) in self.slots.iter().zip(gradients) {
            if gradient.defined() {
                let mut place = self.gradient.f_narrow(0, slot.offset as i64, slot.len as i64)?;
                let _ = place.f_add_(&gradient.f_reshape([-1])?)?;
            }
        }
        Ok(())
    }
}
