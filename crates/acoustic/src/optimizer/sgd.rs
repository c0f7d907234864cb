use super::{Optimizer, OptimizerState, check_gradient, restore, to_host, vectors};
use crate::error::Error;
use tch::{Device, Kind, Tensor};

/// Stochastic gradient descent: v ← μ v + g, δ = −lr · v. Without momentum, v is g, and the state is only the number of
/// steps.
#[derive(Debug)]
pub struct Sgd {
    momentum: f64,
    velocity: Option<Tensor>,
    len: usize,
    steps: u64,
}

impl Sgd {
    /// With momentum μ, at least 0 and below 1.
    #[must_use]
    pub fn new(momentum: f64, len: usize, device: Device) -> Self {
        let velocity = (momentum != 0.0).then(|| Tensor::zeros([len as i64], (Kind::Float, device)));
        Self { momentum, velocity, len, steps: 0 }
    }
}

impl Optimizer for Sgd {
    fn update(&mut self, gradient: &Tensor, learning_rate: f64) -> Result<Tensor, Error> {
        check_gradient(gradient, self.len as i64)?;
        let _guard = tch::no_grad_guard();
        self.steps += 1;
        match &mut self.velocity {
            None => Ok(gradient.f_mul_scalar(-learning_rate)?),
            Some(velocity) => {
                let _ = velocity.f_mul_scalar_(self.momentum)?.f_add_(gradient)?;
                Ok(velocity.f_mul_scalar(-learning_rate)?)
            }
        }
    }

    fn plain_factor(&mut self, learning_rate: f64) -> Option<f32> {
        if self.velocity.is_some() {
            return None;
        }
        self.steps += 1;
        Some(-learning_rate as f32)
    }

    fn state(&self) -> OptimizerState {
        let vectors = self.velocity.iter().map(|v| ("velocity".to_owned(), to_host(v))).collect();
        OptimizerState { steps: self.steps, vectors }
    }

    fn load_state(&mut self, state: &OptimizerState) -> Result<(), Error> {
        let _guard = tch::no_grad_guard();
        match &mut self.velocity {
            None => drop(vectors(state, [], self.len)?),
            Some(velocity) => {
                let [values] = vectors(state, ["velocity"], self.len)?;
                restore(velocity, values)?;
            }
        }
        self.steps = state.steps;
        Ok(())
    }
}
