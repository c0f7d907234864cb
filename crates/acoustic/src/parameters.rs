use crate::error::Error;
use tch::{Device, Kind, Tensor};

/// One named parameter's place in the flat vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSlot {
    /// Unique name, such as `layer.0.forward.input_weight`.
    pub name: String,
    /// Its sizes, outermost first.
    pub shape: Vec<usize>,
    /// Where it begins in the flat vector, in values.
    pub offset: usize,
    /// How many values it has.
    pub len: usize,
}

/// A copy of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedParameter {
    /// Its name.
    pub name: String,
    /// Its sizes, outermost first.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// All parameters of a model as one contiguous f32 vector, and the gradient as another.
///
/// The named parameters are leaf views into the flat vector's storage: a step added to the vector is seen by the model
/// at once, and no copy is made on the way to the optimiser, the exchange or a checkpoint.
#[derive(Debug)]
pub struct ParameterVector {
    slots: Vec<ParameterSlot>,
    values: Tensor,
    views: Vec<Tensor>,
    gradient: Tensor,
}

impl ParameterVector {
    /// Lays out parameters in the order given; `fill` writes a parameter's initial values over zeros.
    ///
    /// # Errors
    /// [`Error::Torch`] where the device cannot hold them.
    pub fn new(
        parameters: Vec<(String, Vec<usize>)>,
        mut fill: impl FnMut(&ParameterSlot, &mut [f32]),
        device: Device,
    ) -> Result<Self, Error> {
        let mut offset = 0;
        let slots: Vec<ParameterSlot> = parameters
            .into_iter()
            .map(|(name, shape)| {
                let len = shape.iter().product();
                offset += len;
                ParameterSlot { name, shape, offset: offset - len, len }
            })
            .collect();
        let mut host = vec![0f32; offset];
        for slot in &slots {
            fill(slot, &mut host[slot.offset..slot.offset + slot.len]);
        }
        let values = Tensor::f_from_slice(&host)?.f_to_device(device)?;
        let gradient = values.f_zeros_like()?;
        let views = slots.iter().map(|slot| leaf(&values, slot)).collect::<Result<_, _>>()?;
        Ok(Self { slots, values, views, gradient })
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.last().map_or(0, |slot| slot.offset + slot.len)
    }

    /// True where there is no parameter at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names, shapes and places, in the order of the flat vector.
    #[must_use]
    pub fn slots(&self) -> &[ParameterSlot] {
        &self.slots
    }

    /// The device that holds the values.
    #[must_use]
    pub fn device(&self) -> Device {
        self.values.device()
    }

    /// The flat vector, `[len]`.
    pub fn values(&self) -> &Tensor {
        &self.values
    }

    /// The flat gradient, `[len]`: what backward passes have added since [`zero_grad`](Self::zero_grad).
    pub fn gradient(&self) -> &Tensor {
        &self.gradient
    }

    /// The leaf view of the parameter of this name; an objective on weights differentiates through it.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<&Tensor> {
        let index = self.slots.iter().position(|slot| slot.name == name)?;
        Some(&self.views[index])
    }

    /// The leaf views in the order of [`slots`](Self::slots).
    pub fn views(&self) -> &[Tensor] {
        &self.views
    }

    /// A copy of all values.
    ///
    /// # Panics
    /// Where the device is lost.
    #[must_use]
    pub fn to_host(&self) -> Vec<f32> {
        copy_to_host(&self.values)
    }

    /// A copy of the gradient.
    ///
    /// # Panics
    /// Where the device is lost.
    #[must_use]
    pub fn gradient_host(&self) -> Vec<f32> {
        copy_to_host(&self.gradient)
    }

    /// Overwrites all values.
    ///
    /// # Errors
    /// [`Error::Shape`] for another length.
    pub fn load_host(&self, values: &[f32]) -> Result<(), Error> {
        if values.len() != self.len() {
            return Err(Error::shape("parameter vector", self.len(), values.len()));
        }
        let source = Tensor::f_from_slice(values)?;
        tch::no_grad(|| self.values.shallow_clone().f_copy_(&source))?;
        Ok(())
    }

    /// Overwrites all values by name, in any order. Nothing changes unless every name and shape fits.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], [`Error::ParameterShape`], [`Error::MissingParameter`] naming the first misfit.
    pub fn load_named<'a>(
        &self,
        tensors: impl IntoIterator<Item = (&'a str, &'a [usize], &'a [f32])>,
    ) -> Result<(), Error> {
        let mut host = vec![0f32; self.len()];
        let mut seen = vec![false; self.slots.len()];
        for (name, shape, values) in tensors {
            let index = self
                .slots
                .iter()
                .position(|slot| slot.name == name)
                .ok_or_else(|| Error::UnknownParameter { name: name.to_owned() })?;
            let slot = &self.slots[index];
            if slot.shape != shape {
                let (expected, found) = (slot.shape.clone(), shape.to_vec());
                return Err(Error::ParameterShape { name: name.to_owned(), expected, found });
            }
            if values.len() != slot.len {
                return Err(Error::shape(format!("values of parameter `{name}`"), slot.len, values.len()));
            }
            host[slot.offset..slot.offset + slot.len].copy_from_slice(values);
            seen[index] = true;
        }
        if let Some(missing) = seen.iter().position(|seen| !seen) {
            return Err(Error::MissingParameter { name: self.slots[missing].name.clone() });
        }
        self.load_host(&host)
    }

    /// Adds a step `[len]` to all values: what an optimiser or an exchange returns.
    ///
    /// # Errors
    /// [`Error::Shape`] for another length.
    pub fn add(&self, step: &Tensor) -> Result<(), Error> {
        if step.size() != [self.len() as i64] {
            return Err(Error::shape("step", self.len(), format!("{:?}", step.size())));
        }
        let _ = tch::no_grad(|| self.values.shallow_clone().f_add_(step))?;
        Ok(())
    }

    /// Sets the gradient to zero.
    pub fn zero_grad(&self) {
        let _ = tch::no_grad(|| self.gradient.shallow_clone().zero_());
    }

    /// Copies of all parameters with their names, in the order of the flat vector.
    #[must_use]
    pub fn tensors(&self) -> Vec<NamedParameter> {
        let host = self.to_host();
        let copy = |slot: &ParameterSlot| NamedParameter {
            name: slot.name.clone(),
            shape: slot.shape.clone(),
            values: host[slot.offset..slot.offset + slot.len].to_vec(),
        };
        self.slots.iter().map(copy).collect()
    }

    /// The place of the parameter of this index in the flat gradient, in the parameter's shape.
    pub(crate) fn gradient_view(&self, index: usize) -> Result<Tensor, Error> {
        let slot = &self.slots[index];
        let place = self.gradient.f_narrow(0, slot.offset as i64, slot.len as i64)?;
        Ok(place.f_view(self.views[index].size().as_slice())?)
    }

    /// Adds the gradients of the views, in their order, to the flat gradient; an undefined one counts as zero.
    pub(crate) fn accumulate(&self, gradients: &[Tensor]) -> Result<(), Error> {
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

/// A leaf of the autograd graph that shares the flat vector's storage.
fn leaf(values: &Tensor, slot: &ParameterSlot) -> Result<Tensor, Error> {
    let shape: Vec<i64> = slot.shape.iter().map(|&n| n as i64).collect();
    let view = values.f_narrow(0, slot.offset as i64, slot.len as i64)?.f_view(shape.as_slice())?;
    Ok(view.f_detach()?.f_set_requires_grad(true)?)
}

fn copy_to_host(flat: &Tensor) -> Vec<f32> {
    let len = flat.numel();
    let mut host = vec![0f32; len];
    flat.to_device(Device::Cpu).to_kind(Kind::Float).copy_data(&mut host, len);
    host
}
