use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[optimizer]`: the optimiser and gradient clipping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Optimizer {
    /// `adam` (default) or `sgd`.
    pub kind: OptimizerKind,
    /// SGD's momentum. Default 0; 0 to 1, 1 excluded.
    pub momentum: f64,
    /// Adam's decay of the first moment. Default 0.9; 0 to 1, 1 excluded.
    pub beta1: f64,
    /// Adam's decay of the second moment. Default 0.999; 0 to 1, 1 excluded.
    pub beta2: f64,
    /// Adam's guard against division by zero. Default 1e-8; above 0.
    pub epsilon: f64,
    /// Largest 2-norm of a batch's gradient; larger ones are scaled down to it. 0 turns clipping off. Default 5.
    pub clip_norm: f64,
}

/// Optimisers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Adam (Kingma & Ba 2015).
    Adam,
    /// Stochastic gradient descent with momentum.
    Sgd,
}

impl Default for Optimizer {
    fn default() -> Self {
        Self {
            kind: OptimizerKind::Adam,
            momentum: 0.0,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            clip_norm: 5.0,
        }
    }
}

impl Optimizer {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let decay = |v: f64| (0.0..1.0).contains(&v);
        require(decay(self.momentum), "optimizer.momentum", "0 to 1, 1 excluded", self.momentum)?;
        require(decay(self.beta1), "optimizer.beta1", "0 to 1, 1 excluded", self.beta1)?;
        require(decay(self.beta2), "optimizer.beta2", "0 to 1, 1 excluded", self.beta2)?;
        require(
            self.epsilon > 0.0 && self.epsilon.is_finite(),
            "optimizer.epsilon",
            "a number above 0",
            self.epsilon,
        )?;
        require(
            self.clip_norm >= 0.0 && self.clip_norm.is_finite(),
            "optimizer.clip_norm",
            "0 or above",
            self.clip_norm,
        )
    }
}
