use crate::error::Error;

/// A worker's model, its gradient and its own optimiser, as the [`Member`](super::Member) of a strategy uses them.
///
/// Vectors are flat: all parameters of the model, one after the other.
pub trait Learner {
    /// Why the model or the optimiser refuses, or a payload cannot be read.
    type Error: From<Error>;

    /// Number of parameters.
    fn values(&self) -> usize;

    /// Shows the parameters to `f`.
    fn with_parameters<T>(&self, f: impl FnOnce(&[f32]) -> T) -> T;

    /// Shows the gradient of the last batch to `f`.
    fn with_gradient<T>(&self, f: impl FnOnce(&[f32]) -> T) -> T;

    /// Lets `f` change the parameters in place.
    ///
    /// # Errors
    /// Where the model refuses.
    fn change_parameters<T>(&mut self, f: impl FnOnce(&mut [f32]) -> T) -> Result<T, Self::Error>;

    /// Overwrites the parameters.
    ///
    /// # Errors
    /// Where the model refuses.
    fn load_parameters(&mut self, parameters: &[f32]) -> Result<(), Self::Error>;

    /// Multiplies the gradient, in place.
    ///
    /// # Errors
    /// Where the model refuses.
    fn scale_gradient(&mut self, factor: f64) -> Result<(), Self::Error>;

    /// The optimiser's step for the gradient; the parameters stay where they are.
    ///
    /// # Errors
    /// Where the optimiser refuses.
    fn step(&mut self, learning_rate: f64) -> Result<Vec<f32>, Self::Error>;

    /// Takes the optimiser's step for the gradient.
    ///
    /// # Errors
    /// Where the optimiser or the model refuses.
    fn descend(&mut self, learning_rate: f64) -> Result<(), Self::Error>;

    /// Takes the optimiser's step for another gradient than the last batch's.
    ///
    /// # Errors
    /// Where the optimiser or the model refuses.
    fn descend_along(&mut self, gradient: &[f32], learning_rate: f64) -> Result<(), Self::Error>;

    /// The factor f where the next step is f·g for any gradient g, which then counts as taken; none, and nothing counted,
    /// for an optimiser that remembers.
    fn plain_factor(&mut self, learning_rate: f64) -> Option<f32>;

    /// Copies of the vectors that the optimiser remembers.
    fn moments(&self) -> Vec<Vec<f32>>;

    /// Overwrites the vectors that the optimiser remembers, in the order of [`moments`](Self::moments). Does nothing where
    /// they are not as many.
    ///
    /// # Errors
    /// Where the optimiser refuses.
    fn load_moments(&mut self, moments: Vec<Vec<f32>>) -> Result<(), Self::Error>;

    /// Starts the optimiser afresh.
    ///
    /// # Errors
    /// Where the optimiser refuses.
    fn reset_optimizer(&mut self) -> Result<(), Self::Error>;
}
