//! The flat gradient of a vector that learns.

use super::ParameterVector;
use super::host::{changed, copy_to_host, shown};
use crate::error::Error;
use tch::Tensor;

impl ParameterVector {
    /// The flat gradient, `[len]`: what backward passes have added since [`zero_grad`](Self::zero_grad). Undefined where the vector is
    /// frozen.
    pub fn gradient(&self) -> &Tensor {
        &self.gradient
    }

    /// Shows the gradient to `f`: where it is on the CPU without a copy.
    pub fn with_host_gradient<T>(&self, f: impl FnOnce(&[f32]) -> T) -> T {
        shown(&self.gradient, f)
    }

    /// Lets `f` change the gradient in place, as [`change_host`](Self::change_host) does the values.
    ///
    /// # Errors
    /// [`Error::Torch`] where libtorch refuses, [`Error::Frozen`].
    pub fn change_host_gradient<T>(&self, f: impl FnOnce(&mut [f32]) -> T) -> Result<T, Error> {
        self.check_not_frozen()?;
        changed(&self.gradient, f)
    }

    /// A copy of the gradient.
    ///
    /// # Panics
    /// Where the device is lost.
    #[must_use]
    pub fn gradient_host(&self) -> Vec<f32> {
        copy_to_host(&self.gradient)
    }

    /// Sets the gradient to zero, where there is one.
    pub fn zero_grad(&self) {
        if self.gradient.defined() {
            let _ = tch::no_grad(|| self.gradient.shallow_clone().zero_());
        }
    }

    /// The place of the parameter of this index in the flat gradient, in the parameter's shape.
    pub(crate) fn gradient_view(&self, index: usize) -> Result<Tensor, Error> {
        self.check_not_frozen()?;
        let slot = &self.slots[index];
        let place = self.gradient.f_narrow(0, slot.offset as i64, slot.len as i64)?;
        Ok(place.f_view(self.views[index].size().as_slice())?)
    }

    /// Adds the gradients of the views, in their order, to the flat gradient; an undefined one counts as zero.
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
