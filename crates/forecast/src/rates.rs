use serde::{Deserialize, Serialize};

/// Duration of the exchange's arithmetic on one worker with all its threads, in seconds per value of the model, or per
/// sign where stated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Copy a vector to the bytes of a dense payload, or back.
    pub copy: f64,
    /// Add a dense contribution to the sum.
    pub sum: f64,
    /// Divide the sum to get the mean.
    pub mean: f64,
    /// A step of the optimiser with a whole gradient, or of the block filter.
    pub step: f64,
    /// Round a difference to bfloat16, with its residual.
    pub bf16: f64,
    /// Threshold an update with its residual, and suggest a threshold.
    pub threshold: f64,
    /// Per sign: add a message to the counts.
    pub count: f64,
    /// Encode the counts as a message.
    pub exact: f64,
    /// Threshold the counts again and encode them as a message.
    pub rethreshold: f64,
    /// Per sign or count: apply a message to the parameters.
    pub apply: f64,
}

impl Rates {
    /// Rates of zero: arithmetic takes no time, so that only computing and transfers remain.
    pub const FREE: Rates = Rates {
        copy: 0.0,
        sum: 0.0,
        mean: 0.0,
        step: 0.0,
        bf16: 0.0,
        threshold: 0.0,
        count: 0.0,
        exact: 0.0,
        rethreshold: 0.0,
        apply: 0.0,
    };
}
