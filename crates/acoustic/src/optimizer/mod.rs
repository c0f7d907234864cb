//! Our own optimisers over the flat parameter vector. The bindings of libtorch's optimisers do not expose their state,
//! without which a run cannot resume exactly.

mod adam;
mod clip;
mod sgd;

pub use adam::Adam;
pub use clip::{clip_to_norm, scale_gradient};
pub use sgd::Sgd;

use crate::error::Error;
use stentor_experiment::OptimizerKind;
use tch::{Device, Tensor};

/// The complete state of an optimiser between two steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OptimizerState {
    /// Number of steps taken.
    pub steps: u64,
    /// Named vectors, each as long as the parameter vector.
    pub vectors: Vec<(String, Vec<f32>)>,
}

/// Turns gradients into steps.
pub trait Optimizer: Send {
    /// Returns the step δ, `[len]`, to add to the parameters for this gradient, `[len]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for a gradient of a different length.
    fn update(&mut self, gradient: &Tensor, learning_rate: f64) -> Result<Tensor, Error>;

    /// Returns the factor f if the next step is f·g for every gradient g (−lr for plain SGD), and counts it as a step.
    /// Returns `None`, and counts nothing, for an optimiser with memory.
    fn plain_factor(&mut self, _learning_rate: f64) -> Option<f32> {
        None
    }

    /// Returns a copy of the state.
    fn state(&self) -> OptimizerState;

    /// Restores a state: subsequent steps are those that would have followed it. A state without vectors and steps is
    /// the initial one.
    ///
    /// # Errors
    /// [`Error::Shape`] for the vectors of a different optimiser or of a different length; then nothing changes.
    fn load_state(&mut self, state: &OptimizerState) -> Result<(), Error>;
}

/// Creates the optimiser of an experiment for a parameter vector of `len` values.
#[must_use]
pub fn build_optimizer(
    settings: &stentor_experiment::Optimizer,
    len: usize,
    device: Device,
) -> Box<dyn Optimizer> {
    match settings.kind {
        OptimizerKind::Sgd => Box::new(Sgd::new(settings.momentum, len, device)),
        OptimizerKind::Adam => {
            Box::new(Adam::new(settings.beta1, settings.beta2, settings.epsilon, len, device))
        }
    }
}

/// Finds the state's vectors by name, each of `len` values.
fn vectors<'a, const N: usize>(
    state: &'a OptimizerState,
    names: [&str; N],
    len: usize,
) -> Result<[Option<&'a [f32]>; N], Error> {
    if state.steps == 0 && state.vectors.is_empty() {
        return Ok([None; N]);
    }
    let found: Vec<&str> = state.vectors.iter().map(|(name, _)| name.as_str()).collect();
    if found.len() != N || !names.iter().all(|name| found.contains(name)) {
        return Err(Error::shape("optimiser state", format!("vectors {names:?}"), format!("{found:?}")));
    }
    let mut result = [None; N];
    for (slot, name) in result.iter_mut().zip(names) {
        let vector = state.vectors.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_slice());
        if let Some(v) = vector.filter(|v| v.len() != len) {
            return Err(Error::shape(format!("optimiser state `{name}`"), len, v.len()));
        }
        *slot = vector;
    }
    Ok(result)
}

fn check_gradient(gradient: &Tensor, len: i64) -> Result<(), Error> {
    let found = gradient.size();
    if found == [len] {
        Ok(())
    } else {
        Err(Error::shape("gradient", format!("[{len}]"), format!("{found:?}")))
    }
}

fn to_host(vector: &Tensor) -> Vec<f32> {
    let mut host = vec![0f32; vector.numel()];
    let len = host.len();
    vector.to_device(Device::Cpu).copy_data(&mut host, len);
    host
}

/// Overwrites `vector` with `values`, or with zeros.
fn restore(vector: &mut Tensor, values: Option<&[f32]>) -> Result<(), Error> {
    match values {
        None => drop(vector.f_zero_()?),
        Some(values) => vector.f_copy_(&Tensor::f_from_slice(values)?)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests;
