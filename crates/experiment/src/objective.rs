use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[objective]`: cross entropy against hard labels, soft labels or both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Objective {
    /// Treatment of the probability outside the kept top-k. Default `renormalise`.
    pub residual_mass: ResidualMass,
    /// Weight of the hard label on annotated batches. The remaining weight goes to the teacher's soft labels and
    /// requires `data.annotated_labels`. Default 1; 0 to 1.
    pub hard_weight: f64,
    /// Weight λ of an L2 penalty, ½ λ Σ w² over the weight matrices without biases, which is added to the mean loss of
    /// each batch. It is reported separately, as `penalty`. Default 0: no penalty; 0 to 1.
    pub l2: f64,
}

/// Treatment of the teacher's probability outside the kept top-k.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResidualMass {
    /// The kept probabilities are scaled to sum to one.
    Renormalise,
    /// The residual mass is spread evenly over the outputs that were not kept.
    Spread,
}

impl Default for Objective {
    fn default() -> Self {
        Self { residual_mass: ResidualMass::Renormalise, hard_weight: 1.0, l2: 0.0 }
    }
}

impl Objective {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        require(
            (0.0..=1.0).contains(&self.hard_weight),
            "objective.hard_weight",
            "0 to 1",
            self.hard_weight,
        )?;
        require((0.0..=1.0).contains(&self.l2), "objective.l2", "0 to 1", self.l2)
    }
}
