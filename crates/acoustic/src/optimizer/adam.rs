use super::{Optimizer, OptimizerState, check_gradient, restore, to_host, vectors};
use crate::error::Error;
use tch::{Device, Kind, Tensor};

/// Adam (Kingma & Ba 2015, algorithm 1): m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g²,
/// δ = −lr · m̂ / (√v̂ + ε) with m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ).
#[derive(Debug)]
pub struct Adam {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    first: Tensor,
    second: Tensor,
    steps: u64,
}

impl Adam {
    /// Decay rates β₁ and β₂, at least 0 and below 1; ε above 0.
    #[must_use]
    pub fn new(beta1: f64, beta2: f64, epsilon: f64, len: usize, device: Device) -> Self {
        let zeros = || Tensor::zeros([len as i64], (Kind::Float, device));
        Self { beta1, beta2, epsilon, first: zeros(), second: zeros(), steps: 0 }
    }
}

impl Optimizer for Adam {
    fn update(&mut self, gradient: &Tensor, learning_rate: f64) -> Result<Tensor, Error> {
        check_gradient(gradient, self.first.size()[0])?;
        let _guard = tch::no_grad_guard();
        self.steps += 1;
        let _ = self.first.f_mul_scalar_(self.beta1)?.f_add_(&gradient.f_mul_scalar(1.0 - self.beta1)?)?;
        let square = gradient.f_mul(gradient)?.f_mul_scalar_(1.0 - self.beta2)?;
        let _ = self.second.f_mul_scalar_(self.beta2)?.f_add_(&square)?;
        // After some thousand steps the corrections are close to one; f64 keeps them exact to the last bit of f32.
        let steps = self.steps as f64;
        let correction1 = 1.0 - self.beta1.powf(steps);
        let correction2 = 1.0 - self.beta2.powf(steps);
        let mut scale = self.second.f_sqrt()?;
        let _ = scale.f_mul_scalar_(1.0 / correction2.sqrt())?.f_add_scalar_(self.epsilon)?;
        let mut step = self.first.f_div(&scale)?;
        let _ = step.f_mul_scalar_(-learning_rate / correction1)?;
        Ok(step)
    }

    fn state(&self) -> OptimizerState {
        let vectors = vec![
            ("first_moment".to_owned(), to_host(&self.first)),
            ("second_moment".to_owned(), to_host(&self.second)),
        ];
        OptimizerState { steps: self.steps, vectors }
    }

    fn load_state(&mut self, state: &OptimizerState) -> Result<(), Error> {
        let _guard = tch::no_grad_guard();
        let len = self.first.numel();
        let [first, second] = vectors(state, ["first_moment", "second_moment"], len)?;
        restore(&mut self.first, first)?;
        restore(&mut self.second, second)?;
        self.steps = state.steps;
        Ok(())
    }
}
