use stentor_experiment::{Schedule, Source};

/// A learning rate, in the two factors that it is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// The schedule's.
    pub base: f64,
    /// The source's factor on it.
    pub multiplier: f64,
}

impl Rate {
    /// The rate for a batch of `source` when `committed` of `total` frames are.
    #[must_use]
    pub fn at(schedule: &Schedule, two_sources: bool, source: Source, committed: u64, total: u64) -> Self {
        let base = schedule.learning_rate_at(committed as f64 / total.max(1) as f64);
        let multiplied = two_sources && source == Source::Annotated;
        Self { base, multiplier: if multiplied { schedule.annotated_multiplier } else { 1.0 } }
    }

    /// The product.
    #[must_use]
    pub fn whole(self) -> f64 {
        self.base * self.multiplier
    }
}
