use crate::error::Error;

/// A worker's model, its gradient and its own optimiser, as the [`Member`](super::Member) of a strategy uses them.
///
/// Vectors are flat: all parameters of the model, one after another.
pub trait Learner {
    /// Error of the model, of the optimiser, or of a payload.
    type Error: From<Error>;

    /// Returns the number of parameters.
    fn values(&self) -> usize;

    /// Calls `f` with the parameters.
    fn with_parameters<T>(&self, f: impl FnOnce(&[f32]) -> T) -> T;

    /// Calls `f` with the gradient of the last batch.
    fn with_gradient<T>(&self, f: impl FnOnce(&[f32]) -> T) -> T;

    /// Lets `f` change the parameters in place.
    ///
    /// # Errors
    /// An error of the model.
    fn change_parameters<T>(&mut self, f: impl FnOnce(&mut [f32]) -> T) -> Result<T, Self::Error>;

    /// Overwrites the parameters.
    ///
    /// # Errors
    /// An error of the model.
    fn load_parameters(&mut self, parameters: &[f32]) -> Result<(), Self::Error>;

    /// Multiplies the gradient, in place.
    ///
    /// # Errors
    /// An error of the model.
    fn scale_gradient(&mut self, factor: f64) -> Result<(), Self::Error>;

    /// Returns the optimiser's step for the gradient; the parameters are unchanged.
    ///
    /// # Errors
    /// An error of the optimiser.
    fn step(&mut self, learning_rate: f64) -> Result<Vec<f32>, Self::Error>;

    /// Applies the optimiser's step for the gradient.
    ///
    /// # Errors
    /// An error of the optimiser or the model.
    fn descend(&mut self, learning_rate: f64) -> Result<(), Self::Error>;

    /// Applies the optimiser's step for a gradient other than the last batch's.
    ///
    /// # Errors
    /// An error of the optimiser or the model.
    fn apply_gradient(&mut self, gradient: &[f32], learning_rate: f64) -> Result<(), Self::Error>;

    /// Returns the factor f if the next step is f·g for any gradient g, and counts the step as taken; `None`, without
    /// counting, for an optimiser that has state.
    fn plain_factor(&mut self, learning_rate: f64) -> Option<f32>;

    /// Returns copies of the optimiser's state vectors.
    fn moments(&self) -> Vec<Vec<f32>>;

    /// Overwrites the optimiser's state vectors, in the order of [`moments`](Self::moments). Does nothing if their
    /// number differs.
    ///
    /// # Errors
    /// An error of the optimiser.
    fn load_moments(&mut self, moments: Vec<Vec<f32>>) -> Result<(), Self::Error>;

    /// Resets the optimiser.
    ///
    /// # Errors
    /// An error of the optimiser.
    fn reset_optimizer(&mut self) -> Result<(), Self::Error>;
}
