use crate::Error;
use stentor_acoustic::{
    AcousticModel, AfterApply, Optimizer, OptimizerState, ParameterVector, Tensor, build_optimizer,
    scale_gradient,
};
use stentor_exchange::strategy::Learner;
use stentor_experiment::Experiment;

/// A worker's model, its optimiser, and what is done to the parameters after every change.
pub(crate) struct Trainer {
    pub(crate) model: Box<dyn AcousticModel>,
    pub(crate) optimizer: Box<dyn Optimizer>,
    /// In the order in which they are applied.
    pub(crate) after_apply: Vec<Box<dyn AfterApply>>,
}

impl Trainer {
    pub(super) fn new(
        model: Box<dyn AcousticModel>,
        experiment: &Experiment,
        after_apply: Vec<Box<dyn AfterApply>>,
    ) -> Self {
        let parameters = model.parameters();
        let optimizer = build_optimizer(&experiment.optimizer, parameters.len(), parameters.device());
        Self { model, optimizer, after_apply }
    }

    /// Applies to the model's parameters what is done after every change of them.
    pub(super) fn project(&self) -> Result<(), Error> {
        if self.after_apply.is_empty() {
            return Ok(());
        }
        let project = |parameters: &mut [f32]| project(&self.after_apply, parameters);
        Ok(self.parameters().change_host(project)?)
    }

    pub(crate) fn parameters(&self) -> &ParameterVector {
        self.model.parameters()
    }

    /// The optimiser's step for the model's gradient.
    fn update(&mut self, learning_rate: f64) -> Result<Tensor, Error> {
        Ok(self.optimizer.update(self.model.parameters().gradient(), learning_rate)?)
    }
}

/// Applies to parameters what is done after every change of them.
pub(super) fn project(after_apply: &[Box<dyn AfterApply>], parameters: &mut [f32]) {
    after_apply.iter().for_each(|hook| hook.project(parameters));
}

impl Learner for Trainer {
    type Error = Error;

    fn values(&self) -> usize {
        self.parameters().len()
    }

    fn with_parameters<T>(&self, f: impl FnOnce(&[f32]) -> T) -> T {
        self.parameters().with_host(f)
    }

    fn with_gradient<T>(&self, f: impl FnOnce(&[f32]) -> T) -> T {
        self.parameters().with_host_gradient(f)
    }

    fn change_parameters<T>(&mut self, f: impl FnOnce(&mut [f32]) -> T) -> Result<T, Error> {
        Ok(self.parameters().change_host(f)?)
    }

    fn load_parameters(&mut self, parameters: &[f32]) -> Result<(), Error> {
        Ok(self.parameters().load_host(parameters)?)
    }

    fn scale_gradient(&mut self, factor: f64) -> Result<(), Error> {
        Ok(scale_gradient(self.parameters().gradient(), factor)?)
    }

    fn step(&mut self, learning_rate: f64) -> Result<Vec<f32>, Error> {
        let step = self.update(learning_rate)?;
        let mut values = vec![0.0; step.numel()];
        let len = values.len();
        step.to_device(stentor_acoustic::Device::Cpu).copy_data(&mut values, len);
        Ok(values)
    }

    fn descend(&mut self, learning_rate: f64) -> Result<(), Error> {
        let step = self.update(learning_rate)?;
        self.parameters().add(&step)?;
        self.project()
    }

    fn apply_gradient(&mut self, gradient: &[f32], learning_rate: f64) -> Result<(), Error> {
        let device = self.parameters().device();
        let gradient = Tensor::f_from_slice(gradient)
            .and_then(|t| t.f_to_device(device))
            .map_err(stentor_acoustic::Error::from)?;
        let step = self.optimizer.update(&gradient, learning_rate)?;
        Ok(self.parameters().add(&step)?)
    }

    fn plain_factor(&mut self, learning_rate: f64) -> Option<f32> {
        self.optimizer.plain_factor(learning_rate)
    }

    fn moments(&self) -> Vec<Vec<f32>> {
        self.optimizer.state().vectors.into_iter().map(|(_, vector)| vector).collect()
    }

    fn load_moments(&mut self, moments: Vec<Vec<f32>>) -> Result<(), Error> {
        let OptimizerState { steps, vectors } = self.optimizer.state();
        if moments.len() != vectors.len() {
            return Ok(());
        }
        let vectors = vectors.into_iter().map(|(name, _)| name).zip(moments).collect();
        Ok(self.optimizer.load_state(&OptimizerState { steps, vectors })?)
    }

    fn reset_optimizer(&mut self) -> Result<(), Error> {
        Ok(self.optimizer.load_state(&OptimizerState::default())?)
    }
}
