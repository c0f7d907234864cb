use serde::{Deserialize, Serialize};
use stentor_forecast::{Forecast, Rates};

/// The forecast for an experiment: the file of `stentor forecast --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Number of values of the model.
    pub parameters: usize,
    /// Number of workers.
    pub workers: usize,
    /// Forward and backward pass of a batch, seconds.
    pub batch_s: f64,
    /// Share of values that GTC sends.
    pub density: f64,
    /// Number of batches of a worker in a block.
    pub block: u32,
    /// Number of workers in a group of two tiers.
    pub group: u32,
    /// Speed of the exchange's arithmetic, seconds per value.
    pub rates_s_per_value: Rates,
    /// The cost of a batch with each strategy, and each placement of the reducers.
    pub forecasts: Vec<Forecast>,
    /// Which strategy is fastest, and why, in sentences.
    pub advice: Vec<String>,
}
