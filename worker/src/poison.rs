use crate::boundary::Surroundings;
use crate::feed::Piece;
use crate::figure::Figure;
use serde::Serialize;
use stentor_plan::Lease;

/// The record of a batch whose loss or gradient is not finite, for diagnosis: `worker replay --leases …` computes the
/// batch again, from any checkpoint.
#[derive(Debug, Serialize)]
pub(crate) struct Poison<'a> {
    pub(crate) worker: &'a str,
    pub(crate) lineage: u64,
    pub(crate) round: u64,
    pub(crate) slot: u32,
    /// The batch.
    pub(crate) lease: Lease,
    /// All leases of the worker in this round: earlier batches may have corrupted its parameters.
    pub(crate) leases: &'a [Lease],
    /// The content of the batch, in the order of its rows.
    pub(crate) pieces: Vec<Piece>,
    /// Nats per frame.
    pub(crate) loss: Figure,
    /// The penalty on weights, 0 without one.
    pub(crate) penalty: Figure,
    pub(crate) gradient_norm: Figure,
    pub(crate) learning_rate: f64,
    /// Digest of the parameters with which the batch was computed, hexadecimal.
    pub(crate) parameters_digest: String,
}

impl Poison<'_> {
    /// Writes the record to `poison/` in the run's folder and logs where. If the store fails, this is only logged,
    /// because the error of the batch is the important one.
    pub(crate) async fn keep(&self, around: &Surroundings) {
        let name = format!("poison/{:06}-{:010}-{}.json", self.lineage, self.round, self.worker);
        let written = match serde_json::to_vec_pretty(self) {
            Ok(json) => around.run.put(&name, json.into()).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match written {
            Ok(()) => {
                tracing::error!(lease = %self.lease, file = name, "loss or gradient not finite; batch saved")
            }
            Err(reason) => {
                tracing::error!(lease = %self.lease, reason, "loss or gradient not finite; cannot save the batch")
            }
        }
    }
}
