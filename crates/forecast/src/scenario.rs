use crate::rates::Rates;
use crate::units::{Bandwidth, RoundTrip};
use stentor_experiment::{BlockDeltas, Experiment, GtcApply, OptimizerKind};

/// What is to be forecast: a model, a cluster, and the settings of all strategies.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Values of the model.
    pub parameters: usize,
    /// N, at least 1.
    pub workers: usize,
    /// Of each host's link, in each direction.
    pub bandwidth: Bandwidth,
    /// Between any two hosts.
    pub rtt: RoundTrip,
    /// Seconds of a worker for forward and backward pass of one batch.
    pub batch_s: f64,
    /// Speed of the arithmetic.
    pub rates: Rates,
    /// Share of values that GTC sends.
    pub density: f64,
    /// How an update of signs reaches the parameters.
    pub applied: Applied,
    /// Batches of a worker between two blocks.
    pub block: u32,
    /// How a block goes up.
    pub deltas: BlockDeltas,
    /// Share of values that a thresholded block sends.
    pub delta_density: f64,
    /// Workers of a group with two tiers.
    pub group: u32,
    /// Workers that share a host's cores, on which the rates were measured by one alone.
    pub per_host: u32,
}

/// How an update of signs reaches the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// Only the values that arrived are touched: plain SGD, or updates of the workers' own optimisers.
    Sparse,
    /// As a whole gradient: an optimiser with momenta moves every value.
    Whole,
}

impl Scenario {
    /// The settings of `experiment` with `workers` members.
    #[must_use]
    pub fn new(
        experiment: &Experiment,
        parameters: usize,
        workers: usize,
        bandwidth: Bandwidth,
        rtt: RoundTrip,
        batch_s: f64,
        rates: Rates,
    ) -> Self {
        let exchange = &experiment.exchange;
        let optimizer = &experiment.optimizer;
        let plain = optimizer.kind == OptimizerKind::Sgd && optimizer.momentum == 0.0;
        let updates = match exchange.gtc.apply {
            GtcApply::Update => true,
            GtcApply::Auto => optimizer.kind == OptimizerKind::Adam,
            GtcApply::Gradient => false,
        };
        Self {
            parameters,
            workers: workers.max(1),
            bandwidth,
            rtt,
            batch_s,
            rates,
            density: exchange.gtc.density,
            applied: if plain || updates { Applied::Sparse } else { Applied::Whole },
            block: exchange.bmuf.block,
            deltas: exchange.bmuf.deltas,
            delta_density: exchange.bmuf.delta_density,
            group: exchange.two_tier.group,
            per_host: 1,
        }
    }

    /// Workers of the largest group.
    pub(crate) fn members(&self) -> usize {
        self.workers.min(self.group.max(1) as usize)
    }

    /// Groups with two tiers.
    pub(crate) fn groups(&self) -> usize {
        self.workers.div_ceil(self.group.max(1) as usize)
    }
}
