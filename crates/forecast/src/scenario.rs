use crate::rates::Rates;
use crate::units::{Bandwidth, RoundTrip};
use stentor_experiment::{BlockDeltas, Experiment, GtcApply, OptimizerKind};

/// The input of a forecast: a model, a cluster, and the settings of all strategies.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Number of values of the model.
    pub parameters: usize,
    /// Number of workers N, at least 1.
    pub workers: usize,
    /// Bandwidth of each host's link, in each direction.
    pub bandwidth: Bandwidth,
    /// Round-trip time between any two hosts.
    pub rtt: RoundTrip,
    /// Time of a worker for the forward and backward pass of one batch, seconds.
    pub batch_s: f64,
    /// Speed of the exchange's arithmetic.
    pub rates: Rates,
    /// Share of values that GTC sends.
    pub density: f64,
    /// How an update of signs is applied to the parameters.
    pub applied: Applied,
    /// Number of batches of a worker in a block.
    pub block: u32,
    /// The form in which a block is sent up.
    pub deltas: BlockDeltas,
    /// Share of values that a block with `deltas = "threshold"` sends.
    pub delta_density: f64,
    /// Workers of a group with two tiers.
    pub group: u32,
    /// Number of workers that share a host's cores; the rates were measured with one worker alone.
    pub per_host: u32,
}

/// How an update of signs is applied to the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// Changes only the values that arrived: plain SGD, or updates of the workers' own optimisers.
    Sparse,
    /// Like a whole gradient: an optimiser with momentum changes every value.
    Whole,
}

impl Scenario {
    /// Takes the settings of `experiment` for `workers` members.
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

    /// Number of workers in the largest group.
    pub(crate) fn members(&self) -> usize {
        self.workers.min(self.group.max(1) as usize)
    }

    /// Number of groups with two tiers.
    pub(crate) fn groups(&self) -> usize {
        self.workers.div_ceil(self.group.max(1) as usize)
    }
}
