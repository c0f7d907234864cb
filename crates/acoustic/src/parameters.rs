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
///
/// A frozen vector, for models that only infer, has no gradient, its values stay as they are, and any number of threads may have
/// one on the same storage ([`share`](Self::share)).
#[derive(Debug)]
pub struct ParameterVector {
    slots: Vec<ParameterSlot>,
    values: Tensor,
    views: Vec<Tensor>,
    /// Undefined where the vector is frozen.
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

    /// A frozen vector of given values, by name in any order.
    ///
    /// # Errors
    /// As [`load_named`](Self::load_named); [`Error::Torch`] where the device cannot hold them.
    pub fn frozen<'a>(
        parameters: Vec<(String, Vec<usize>)>,
        tensors: impl IntoIterator<Item = (&'a str, &'a [usize], &'a [f32])>,
        device: Device,
    ) -> Result<Self, Error> {
        let slots = laid_out(parameters);
        let values = Tensor::f_from_slice(&by_name(&slots, tensors)?)?.f_to_device(device)?;
        Self::frozen_on(slots, &values)
    }

    /// The same values in the same storage once more, for another thread.
    ///
    /// # Errors
    /// [`Error::NotFrozen`] where somebody may still change them.
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

    /// Whether the values can never change, and there is no gradient.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        !self.gradient.defined()
    }

    fn check_not_frozen(&self) -> Result<(), Error> {
        if self.is_frozen() { Err(Error::Frozen) } else { Ok(()) }
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

    /// The flat gradient, `[len]`: what backward passes have added since [`zero_grad`](Self::zero_grad). Undefined where the vector is
    /// frozen.
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

    /// Shows all values to `f`: where they are on the CPU without a copy.
    pub fn with_host<T>(&self, f: impl FnOnce(&[f32]) -> T) -> T {
        shown(&self.values, f)
    }

    /// Shows the gradient to `f`: where it is on the CPU without a copy.
    pub fn with_host_gradient<T>(&self, f: impl FnOnce(&[f32]) -> T) -> T {
        shown(&self.gradient, f)
    }

    /// Lets `f` change the values in place; on another device than the CPU, in a copy that is then loaded.
    ///
    /// # Errors
    /// [`Error::Torch`] where libtorch refuses, [`Error::Frozen`].
    pub fn change_host<T>(&self, f: impl FnOnce(&mut [f32]) -> T) -> Result<T, Error> {
        self.check_not_frozen()?;
        changed(&self.values, f)
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

    /// Overwrites all values.
    ///
    /// # Errors
    /// [`Error::Shape`] for another length, [`Error::Frozen`].
    pub fn load_host(&self, values: &[f32]) -> Result<(), Error> {
        self.check_not_frozen()?;
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
    /// [`Error::UnknownParameter`], [`Error::ParameterShape`], [`Error::MissingParameter`] naming the first misfit;
    /// [`Error::Frozen`].
    pub fn load_named<'a>(
        &self,
        tensors: impl IntoIterator<Item = (&'a str, &'a [usize], &'a [f32])>,
    ) -> Result<(), Error> {
        self.load_host(&by_name(&self.slots, tensors)?)
    }

    /// Adds a step `[len]` to all values: what an optimiser or an exchange returns.
    ///
    /// # Errors
    /// [`Error::Shape`] for another length, [`Error::Frozen`].
    pub fn add(&self, step: &Tensor) -> Result<(), Error> {
        self.check_not_frozen()?;
        if step.size() != [self.len() as i64] {
            return Err(Error::shape("step", self.len(), format!("{:?}", step.size())));
        }
        let _ = tch::no_grad(|| self.values.shallow_clone().f_add_(step))?;
        Ok(())
    }

    /// Sets the gradient to zero, where there is one.
    pub fn zero_grad(&self) {
        if self.gradient.defined() {
            let _ = tch::no_grad(|| self.gradient.shallow_clone().zero_());
        }
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

/// Places one behind the other, in the order given.
fn laid_out(parameters: Vec<(String, Vec<usize>)>) -> Vec<ParameterSlot> {
    let mut offset = 0;
    let slot = |(name, shape): (String, Vec<usize>)| {
        let len = shape.iter().product();
        offset += len;
        ParameterSlot { name, shape, offset: offset - len, len }
    };
    parameters.into_iter().map(slot).collect()
}

/// The flat vector of values that are given by name, in any order: each name once, with the shape of its place.
fn by_name<'a>(
    slots: &[ParameterSlot],
    tensors: impl IntoIterator<Item = (&'a str, &'a [usize], &'a [f32])>,
) -> Result<Vec<f32>, Error> {
    let mut host = vec![0f32; slots.last().map_or(0, |slot| slot.offset + slot.len)];
    let mut seen = vec![false; slots.len()];
    for (name, shape, values) in tensors {
        let index = slots
            .iter()
            .position(|slot| slot.name == name)
            .ok_or_else(|| Error::UnknownParameter { name: name.to_owned() })?;
        let slot = &slots[index];
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
    match seen.iter().position(|seen| !seen) {
        Some(missing) => Err(Error::MissingParameter { name: slots[missing].name.clone() }),
        None => Ok(host),
    }
}

/// A leaf of the autograd graph that shares the flat vector's storage.
fn leaf(values: &Tensor, slot: &ParameterSlot, learns: bool) -> Result<Tensor, Error> {
    let shape: Vec<i64> = slot.shape.iter().map(|&n| n as i64).collect();
    let view = values.f_narrow(0, slot.offset as i64, slot.len as i64)?.f_view(shape.as_slice())?;
    Ok(view.f_detach()?.f_set_requires_grad(learns)?)
}

fn shown<T>(flat: &Tensor, f: impl FnOnce(&[f32]) -> T) -> T {
    if !flat.defined() {
        return f(&[]);
    }
    if flat.device() != Device::Cpu || flat.numel() == 0 {
        return f(&copy_to_host(flat));
    }
    // SAFETY: a contiguous f32 tensor on the CPU of so many values, which is not written while `f` runs: its owner is not
    // `Sync`, and `f` does not see it; what other threads share is frozen, and never written.
    f(unsafe { std::slice::from_raw_parts(flat.data_ptr().cast::<f32>(), flat.numel()) })
}

fn changed<T>(flat: &Tensor, f: impl FnOnce(&mut [f32]) -> T) -> Result<T, Error> {
    if flat.device() != Device::Cpu || flat.numel() == 0 {
        let mut host = copy_to_host(flat);
        let result = f(&mut host);
        tch::no_grad(|| flat.shallow_clone().f_copy_(&Tensor::f_from_slice(&host)?))?;
        return Ok(result);
    }
    // SAFETY: a contiguous f32 tensor on the CPU of so many values, shared only with its views, which nobody reads while
    // `f` runs: its owner is not `Sync`, `f` does not see them, and callers have made sure that it is not frozen.
    let values = unsafe { std::slice::from_raw_parts_mut(flat.data_ptr().cast::<f32>(), flat.numel()) };
    let result = f(values);
    // libtorch did not see the change. An operation in place that changes no bit counts it, so that a gradient of values
    // that are gone is still caught.
    let _ = tch::no_grad(|| flat.f_narrow(0, 0, 1)?.f_mul_scalar_(1.0))?;
    Ok(result)
}

fn copy_to_host(flat: &Tensor) -> Vec<f32> {
    if !flat.defined() {
        return Vec::new();
    }
    let len = flat.numel();
    let mut host = vec![0f32; len];
    flat.to_device(Device::Cpu).to_kind(Kind::Float).copy_data(&mut host, len);
    host
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two parameters, 0 to 5 and 6 to 7.
    fn vector() -> ParameterVector {
        let parameters = vec![("weight".to_owned(), vec![2, 3]), ("bias".to_owned(), vec![2])];
        let count = |slot: &ParameterSlot, values: &mut [f32]| {
            values.iter_mut().zip(slot.offset..).for_each(|(value, n)| *value = n as f32);
        };
        ParameterVector::new(parameters, count, Device::Cpu).unwrap()
    }

    #[test]
    fn a_step_on_the_flat_vector_is_seen_by_the_views_and_by_what_is_computed_from_them() {
        let parameters = vector();
        parameters.add(&Tensor::from_slice(&[10f32; 8])).unwrap();
        let weight = parameters.view("weight").unwrap();
        assert_eq!(weight.double_value(&[1, 2]), 15.0);
        assert!(weight.is_leaf() && weight.requires_grad());
        let loss = (weight * 2.0).sum(Kind::Float);
        assert_eq!(loss.double_value(&[]), 2.0 * 75.0);
        parameters.load_host(&[1.0; 8]).unwrap();
        assert_eq!(parameters.view("bias").unwrap().double_value(&[1]), 1.0);
    }

    #[test]
    fn gradients_of_the_views_lie_in_the_flat_gradient_at_their_places() {
        let parameters = vector();
        let loss = (parameters.view("bias").unwrap() * Tensor::from_slice(&[3f32, 4.0])).sum(Kind::Float);
        let gradients = Tensor::run_backward(&[loss], parameters.views(), false, false);
        parameters.accumulate(&gradients).unwrap();
        assert_eq!(parameters.gradient_host(), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 4.0]);
        parameters.zero_grad();
        assert_eq!(parameters.gradient_host(), [0.0; 8]);
    }

    #[test]
    fn a_step_taken_between_forward_and_backward_is_caught_by_libtorch() {
        // Views and vector share the counter of changes, so a gradient of values that are gone is never computed.
        let parameters = vector();
        let loss = parameters.view("weight").unwrap().square().sum(Kind::Float);
        parameters.add(&Tensor::from_slice(&[1f32; 8])).unwrap();
        assert!(Tensor::f_run_backward(&[loss], parameters.views(), false, false).is_err());
    }

    #[test]
    fn values_changed_in_place_are_seen_by_the_views_and_the_change_is_caught_by_libtorch() {
        let parameters = vector();
        let loss = parameters.view("weight").unwrap().square().sum(Kind::Float);
        let before = parameters.with_host(<[f32]>::to_vec);
        assert_eq!(before, parameters.to_host());
        parameters.change_host(|values| values[7] = -0.0).unwrap();
        assert_eq!(parameters.view("bias").unwrap().double_value(&[1]).to_bits(), (-0.0f64).to_bits());
        assert!(parameters.with_host(|values| values[7].is_sign_negative()));
        assert!(Tensor::f_run_backward(&[loss], parameters.views(), false, false).is_err());
        parameters.with_host_gradient(|gradient| assert_eq!(gradient, [0.0; 8]));
    }

    #[test]
    fn values_go_out_and_come_back_by_name_in_any_order() {
        let (from, to) = (vector(), vector());
        from.load_host(&[7.0; 8]).unwrap();
        let copies = from.tensors();
        assert_eq!(copies[0].shape, [2, 3]);
        to.load_named(copies.iter().rev().map(|p| (p.name.as_str(), &p.shape[..], &p.values[..]))).unwrap();
        assert_eq!(to.to_host(), from.to_host());
    }

    #[test]
    fn a_file_of_another_model_is_refused_by_name_and_changes_nothing() {
        let parameters = vector();
        let weight = ("weight", &[2usize, 3][..], &[0f32; 6][..]);
        let bias = ("bias", &[2usize][..], &[0f32; 2][..]);
        let refused = |tensors: Vec<(&'static str, &'static [usize], &'static [f32])>| {
            parameters.load_named(tensors).unwrap_err()
        };
        assert!(matches!(refused(vec![weight]), Error::MissingParameter { name } if name == "bias"));
        let other = ("gain", bias.1, bias.2);
        assert!(matches!(refused(vec![weight, other]), Error::UnknownParameter { name } if name == "gain"));
        let turned = ("weight", &[3usize, 2][..], weight.2);
        let error = refused(vec![turned, bias]);
        assert!(error.to_string().contains("`weight`: expected shape [2, 3], found [3, 2]"), "{error}");
        let short = ("bias", bias.1, &[0f32][..]);
        assert!(refused(vec![weight, short]).to_string().contains("bias"));
        assert_eq!(parameters.to_host(), vector().to_host());
    }

    #[test]
    fn vectors_of_another_length_are_refused() {
        let parameters = vector();
        assert!(parameters.load_host(&[0.0; 7]).is_err());
        assert!(parameters.add(&Tensor::from_slice(&[0f32; 9])).is_err());
        assert_eq!((parameters.len(), parameters.is_empty()), (8, false));
    }

    #[test]
    fn a_frozen_vector_is_shared_without_a_copy_has_no_gradient_and_refuses_every_change() {
        let parameters = || vec![("weight".to_owned(), vec![2, 3]), ("bias".to_owned(), vec![2])];
        let named =
            [("bias", &[2][..], &[6f32, 7.0][..]), ("weight", &[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])];
        let frozen = ParameterVector::frozen(parameters(), named, Device::Cpu).unwrap();
        let shared = frozen.share().unwrap();
        assert_eq!(shared.to_host(), vector().to_host());
        for (one, other) in frozen.views().iter().zip(shared.views()) {
            assert_eq!(one.data_ptr(), other.data_ptr());
            assert!(!one.requires_grad() && !other.requires_grad());
        }
        assert!(!frozen.gradient().defined() && !shared.gradient().defined());
        assert!(shared.gradient_host().is_empty() && shared.with_host_gradient(<[f32]>::is_empty));
        shared.zero_grad();
        let step = Tensor::from_slice(&[1f32; 8]);
        let refusals = [
            shared.add(&step),
            shared.load_host(&[0.0; 8]),
            shared.load_named(named),
            shared.change_host(|_| ()),
            shared.change_host_gradient(|_| ()),
            shared.accumulate(&[step]),
        ];
        assert!(refusals.iter().all(|refusal| matches!(refusal, Err(Error::Frozen))), "{refusals:?}");
        assert_eq!(frozen.to_host(), vector().to_host());
        // Somebody may still change the other sort.
        assert!(matches!(vector().share(), Err(Error::NotFrozen)));
        let none: [(&str, &[usize], &[f32]); 0] = [];
        assert!(matches!(
            ParameterVector::frozen(parameters(), none, Device::Cpu),
            Err(Error::MissingParameter { name }) if name == "weight"
        ));
    }
}
