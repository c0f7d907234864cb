use crate::boundary::Surroundings;
use crate::feed::Piece;
use crate::replay::Figure;
use serde::Serialize;
use stentor_plan::Lease;
use stentor_proto::v1;

/// A batch whose loss or gradient is not finite, for whoever looks into it: `worker replay --leases …` computes it again,
/// from any checkpoint.
#[derive(Debug, Serialize)]
pub(crate) struct Poison<'a> {
    pub(crate) worker: &'a str,
    pub(crate) lineage: u64,
    pub(crate) round: u64,
    pub(crate) slot: u32,
    /// The batch.
    pub(crate) lease: Lease,
    /// All that the worker had in this round: the batches before it may have spoilt its parameters.
    pub(crate) leases: &'a [Lease],
    /// What is in the batch, in the order of its rows.
    pub(crate) pieces: Vec<Piece>,
    /// Nats a frame.
    pub(crate) loss: Figure,
    pub(crate) gradient_norm: Figure,
    pub(crate) learning_rate: f64,
    /// Of the parameters that the batch met, hexadecimal.
    pub(crate) parameters_digest: String,
}

impl Poison<'_> {
    /// Writes it to `poison/` in the run's folder and says where. A store that refuses must not hide what is wrong with the
    /// batch, so that is only logged.
    pub(crate) async fn keep(&self, around: &Surroundings) {
        let name = format!("poison/{:06}-{:010}-{}.json", self.lineage, self.round, self.worker);
        let written = match serde_json::to_vec_pretty(self) {
            Ok(json) => around.run.put(&name, json.into()).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match written {
            Ok(()) => tracing::error!(lease = %self.lease, file = name, "not finite; kept for study"),
            Err(reason) => {
                tracing::error!(lease = %self.lease, reason, "not finite; cannot be kept for study")
            }
        }
    }
}

/// Where a round stands in the run.
pub(crate) fn place(assignment: &v1::Assignment) -> (u64, u64) {
    assignment.fence.as_ref().map_or((0, 0), |fence| (fence.lineage, fence.round))
}
