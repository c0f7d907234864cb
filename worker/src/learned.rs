use std::collections::BTreeMap;
use stentor_acoustic::Score;
use stentor_experiment::Source;
use stentor_plan::Lease;
use stentor_proto::v1;
use stentor_runtime::metrics;

/// The figures of the round's batches.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    pub(crate) frames: u64,
    pub(crate) loss_sum: f64,
    pub(crate) correct_frames: u64,
    /// The three figures above by source of the batches.
    pub(crate) by_source: BTreeMap<Source, OfSource>,
    /// Gradient norm of the last batch.
    pub(crate) gradient_norm: f64,
}

/// The figures of the batches of one source.
#[derive(Debug, Default)]
pub(crate) struct OfSource {
    pub(crate) frames: u64,
    pub(crate) loss_sum: f64,
    pub(crate) correct_frames: u64,
}

impl Learned {
    /// Adds a batch. Returns false if its loss or gradient is not finite: then everything learned in the round is
    /// void. The coordinator is told, refuses the contribution, and decides what to do.
    pub(crate) fn add(&mut self, lease: &Lease, score: Score, norm: f64) -> bool {
        if !(score.is_finite() && norm.is_finite()) {
            metrics::non_finite(1, "loss");
            let loss = score.mean_loss();
            tracing::error!(%lease, loss, norm, "not finite: lower schedule.learning_rate, or check the data");
            *self = Self { loss_sum: f64::NAN, gradient_norm: norm, ..Self::default() };
            return false;
        }
        self.frames += score.frames as u64;
        self.loss_sum += score.loss;
        self.correct_frames += score.correct as u64;
        self.gradient_norm = norm;
        let of = self.by_source.entry(lease.source).or_default();
        of.frames += score.frames as u64;
        of.loss_sum += score.loss;
        of.correct_frames += score.correct as u64;
        true
    }

    /// The figures as they are sent to the coordinator.
    pub(crate) fn figures(&self) -> Vec<v1::SourceFigures> {
        let figures = |(&source, of): (&Source, &OfSource)| v1::SourceFigures {
            source: v1::Source::from(source).into(),
            frames: of.frames,
            loss_sum: of.loss_sum,
            correct_frames: of.correct_frames,
        };
        self.by_source.iter().map(figures).collect()
    }
}
