use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of the family `lstm`: a stack of LSTM layers, unidirectional or bidirectional, and a linear output layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lstm {
    /// A published size; overrides layers, width and direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Recurrent layers, 1 to 16.
    pub layers: u32,
    /// Units per layer and direction, 8 to 4096.
    pub width: u32,
    /// Whether each layer runs in both directions.
    pub bidirectional: bool,
    /// Frames that a unidirectional model hears before it gives the output of a frame, 0 to 32.
    #[serde(skip_serializing_if = "is_zero")]
    pub look_ahead: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes references.
pub(super) fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// Published sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Preset {
    /// 5 LSTM layers of 768 units, unidirectional: 24.16 M parameters with 192 inputs and 3,000 senones.
    #[serde(rename = "student-24m")]
    Student24M,
    /// 5 LSTM layers of 832 units a direction, bidirectional: 78.3 M parameters.
    #[serde(rename = "teacher-78m")]
    Teacher78M,
}

impl Default for Lstm {
    fn default() -> Self {
        Self { preset: None, layers: 3, width: 192, bidirectional: false, look_ahead: 0 }
    }
}

/// Prefix of the names of the output layer's parameters.
pub(super) const OUTPUT: &str = "output.";

impl Lstm {
    /// Resolves the preset, if any, to layers, width and direction.
    #[must_use]
    pub fn resolved(&self) -> Self {
        let (layers, width, bidirectional) = match self.preset {
            None => (self.layers, self.width, self.bidirectional),
            Some(Preset::Student24M) => (5, 768, false),
            Some(Preset::Teacher78M) => (5, 832, true),
        };
        Self { preset: None, layers, width, bidirectional, look_ahead: self.look_ahead }
    }

    /// 2 if bidirectional, else 1.
    #[must_use]
    pub fn directions(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }

    /// Each layer and direction has four gates (i, f, g, o; the rows of its parameters) with weights on its input and
    /// on its own output, and two biases. One bias is redundant; it is kept so that parameters can be exchanged with
    /// other toolkits without arithmetic.
    pub(super) fn parameters(&self, inputs: usize, senones: usize) -> Vec<(String, Vec<usize>)> {
        let (width, outputs) = (self.width as usize, self.directions() * self.width as usize);
        let mut parameters = Vec::new();
        for layer in 0..self.layers {
            let inputs = if layer == 0 { inputs } else { outputs };
            for direction in ["forward", "backward"].into_iter().take(self.directions()) {
                let name = |part: &str| format!("layer.{layer}.{direction}.{part}");
                parameters.push((name("input_weight"), vec![4 * width, inputs]));
                parameters.push((name("recurrent_weight"), vec![4 * width, width]));
                parameters.push((name("input_bias"), vec![4 * width]));
                parameters.push((name("recurrent_bias"), vec![4 * width]));
            }
        }
        parameters.push((format!("{OUTPUT}weight"), vec![senones, outputs]));
        parameters.push((format!("{OUTPUT}bias"), vec![senones]));
        parameters
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        require((1..=16).contains(&self.layers), "model.layers", "1 to 16", self.layers)?;
        require((8..=4096).contains(&self.width), "model.width", "8 to 4096", self.width)?;
        require(self.look_ahead <= 32, "model.look_ahead", "0 to 32 frames", self.look_ahead)?;
        require(
            self.look_ahead == 0 || !self.resolved().bidirectional,
            "model.look_ahead",
            "0 for a bidirectional model, which hears the whole utterance",
            self.look_ahead,
        )
    }
}
