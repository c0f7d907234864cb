use stentor_experiment::{Schedule, Source};

/// A learning rate as the product of two factors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// The schedule's rate.
    pub base: f64,
    /// The source's factor.
    pub multiplier: f64,
}

impl Rate {
    /// Returns the rate for a batch of `source` when `committed` of `total` frames are committed.
    #[must_use]
    pub fn at(schedule: &Schedule, two_sources: bool, source: Source, committed: u64, total: u64) -> Self {
        let base = schedule.learning_rate_at(committed as f64 / total.max(1) as f64);
        let multiplied = two_sources && source == Source::Annotated;
        Self { base, multiplier: if multiplied { schedule.annotated_multiplier } else { 1.0 } }
    }

    /// Returns the product.
    #[must_use]
    pub fn whole(self) -> f64 {
        self.base * self.multiplier
    }
}
