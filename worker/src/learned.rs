use std::collections::BTreeMap;
use stentor_acoustic::Score;
use stentor_experiment::Source;
use stentor_plan::Lease;
use stentor_proto::{sum_messages, v1};
use stentor_runtime::metrics;
use stentor_scores::{LOSS_SUM, Sums, frame_sums};

/// What was counted in the round's batches.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    /// Frames behind the contribution.
    pub(crate) frames: u64,
    pub(crate) sums: Sums,
    /// The sums by source of the batches.
    pub(crate) by_source: BTreeMap<Source, Sums>,
    /// Gradient norm of the last batch.
    pub(crate) gradient_norm: f64,
}

/// The sums over the frames that `score` is of.
pub(crate) fn counted(score: Score) -> Sums {
    frame_sums(score.frames as u64, score.loss, score.correct as u64)
}

impl Learned {
    /// Adds a batch. Returns false if its loss or gradient is not finite: then everything learned in the round is
    /// void. The coordinator is told, refuses the contribution, and decides what to do.
    pub(crate) fn add(&mut self, lease: &Lease, score: Score, norm: f64) -> bool {
        if !(score.is_finite() && norm.is_finite()) {
            metrics::non_finite(1, "loss");
            let loss = score.mean_loss();
            tracing::error!(%lease, loss, norm, "not finite: lower schedule.learning_rate, or check the data");
            let mut sums = Sums::default();
            sums.add(LOSS_SUM, f64::NAN);
            *self = Self { sums, gradient_norm: norm, ..Self::default() };
            return false;
        }
        let counted = counted(score);
        self.frames += score.frames as u64;
        self.sums.merge(&counted);
        self.by_source.entry(lease.source).or_default().merge(&counted);
        self.gradient_norm = norm;
        true
    }

    /// The sums by source as they are sent to the coordinator.
    pub(crate) fn source_sums(&self) -> Vec<v1::SourceSums> {
        let message = |(&source, sums): (&Source, &Sums)| v1::SourceSums {
            source: v1::Source::from(source).into(),
            sums: sum_messages(sums),
        };
        self.by_source.iter().map(message).collect()
    }
}
