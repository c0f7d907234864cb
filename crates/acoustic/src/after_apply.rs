use crate::error::Error;
use std::collections::BTreeMap;

/// An operation on the parameters after every change of them: a pruning mask, a quantiser, a bound on weights.
///
/// It has two parts. [`advance`](Self::advance) updates its state once per round, from parameters that are the same on
/// every replica. [`project`](Self::project) changes the parameters according to the state, after each round's update
/// and after each of a worker's own steps. Both are deterministic, so replicas agree in every bit, and their digests
/// cover the result. Checkpoints contain the state.
pub trait AfterApply: Send {
    /// Its name in checkpoints, unique in a run.
    fn name(&self) -> &'static str;

    /// Updates the state after a round's update. `parameters`, `[len]`, are those to deploy, before projection.
    ///
    /// # Errors
    /// If parameters and state do not match.
    fn advance(&mut self, parameters: &[f32]) -> Result<(), Error>;

    /// Changes parameters, `[len]`, in place. Idempotent: it leaves projected parameters unchanged.
    fn project(&self, parameters: &mut [f32]);

    /// Returns a copy of the state.
    fn state(&self) -> AfterApplyState;

    /// Restores a state; an empty state is the initial one.
    ///
    /// # Errors
    /// [`Error::Shape`] for the state of a different model or kind; then nothing changes.
    fn load_state(&mut self, state: &AfterApplyState) -> Result<(), Error>;
}

/// The complete state of an [`AfterApply`] between two rounds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AfterApplyState {
    /// Vectors by name, of any length.
    pub vectors: BTreeMap<String, Vec<f32>>,
    /// Scalars by name; saved bit by bit.
    pub numbers: BTreeMap<String, f64>,
}
