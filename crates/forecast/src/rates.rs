use serde::Serialize;

/// How long the exchange's arithmetic takes on one worker, with all its threads. Seconds per value of the model, or
/// per sign where it says so.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rates {
    /// A vector to the bytes of a dense payload, or back.
    pub copy: f64,
    /// A dense contribution added to the sum.
    pub sum: f64,
    /// The mean made of the sum.
    pub mean: f64,
    /// A step of the optimiser with a whole gradient, or the block filter's.
    pub step: f64,
    /// A difference rounded to bfloat16 with its residual.
    pub bf16: f64,
    /// An update thresholded with its residual, and a threshold suggested.
    pub threshold: f64,
    /// Per sign: a message added to the counts.
    pub count: f64,
    /// The message made of the counts.
    pub exact: f64,
    /// The message made of the counts thresholded again.
    pub rethreshold: f64,
    /// Per sign or count: a message applied to the parameters.
    pub apply: f64,
}

impl Rates {
    /// Arithmetic that takes no time: what is left is compute and wire.
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
