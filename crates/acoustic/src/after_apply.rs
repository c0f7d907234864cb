use crate::error::Error;
use std::collections::BTreeMap;

/// What is done to the parameters after every change of them: a pruning mask, a quantiser, a bound on weights.
///
/// It has two parts. [`advance`](Self::advance) moves its state on, once in a round, with parameters that are the same on
/// every replica. [`project`](Self::project) changes parameters as the state says, after each round's update and after each
/// step of a worker's own. Both are deterministic, so replicas still agree in every bit, and their digests cover the result.
/// Checkpoints hold the state.
pub trait AfterApply: Send {
    /// Its name in checkpoints, which no other of a run has.
    fn name(&self) -> &'static str;

    /// Moves the state on after a round's update. `parameters`, `[len]`, are those to deploy, before they are projected.
    ///
    /// # Errors
    /// Where parameters and state do not fit each other.
    fn advance(&mut self, parameters: &[f32]) -> Result<(), Error>;

    /// Changes parameters, `[len]`, in place. Parameters that it has changed it leaves as they are.
    fn project(&self, parameters: &mut [f32]);

    /// A copy of the state.
    fn state(&self) -> AfterApplyState;

    /// Takes a state back; an empty one is a fresh start.
    ///
    /// # Errors
    /// [`Error::Shape`] for the state of another model or another kind; then nothing changes.
    fn load_state(&mut self, state: &AfterApplyState) -> Result<(), Error>;
}

/// Everything that an [`AfterApply`] carries from one round to the next.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AfterApplyState {
    /// By name; of any length.
    pub vectors: BTreeMap<String, Vec<f32>>,
    /// By name; saved to the bit.
    pub numbers: BTreeMap<String, f64>,
}
