use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[model]`: family and size. The number of outputs comes from the data (its senones).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// Model family. Default `lstm`.
    pub family: Family,
    /// A published size; overrides `layers`, `width` and `bidirectional`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Recurrent layers. Default 3; 1 to 16.
    pub layers: u32,
    /// Units per layer and direction. Default 192; 8 to 4096.
    pub width: u32,
    /// Runs in both directions: a teacher. Default false: a student, fit for streaming.
    pub bidirectional: bool,
    /// Folder or URL of a model that the run starts from: a finished run, or one checkpoint of any. Its sizes, its features'
    /// settings and its senones must be this run's own; its means and deviations become this run's. A copy of it is kept in
    /// `start` of the run's folder. Absent: weights are drawn from `run.seed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Of the model that `start` names the output layer is left out and drawn anew from `run.seed`: its senones may then be
    /// others, and more or fewer. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub new_output: bool,
}

/// Model families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// A stack of LSTM layers and a linear output layer.
    Lstm,
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

impl Default for Model {
    fn default() -> Self {
        Self {
            family: Family::Lstm,
            preset: None,
            layers: 3,
            width: 192,
            bidirectional: false,
            start: None,
            new_output: false,
        }
    }
}

impl Model {
    /// What the model is: its preset, if any, written out as layers, width and direction. Where its weights came from is
    /// not part of it.
    #[must_use]
    pub fn resolved(&self) -> Model {
        let (layers, width, bidirectional) = match self.preset {
            None => (self.layers, self.width, self.bidirectional),
            Some(Preset::Student24M) => (5, 768, false),
            Some(Preset::Teacher78M) => (5, 832, true),
        };
        Model {
            family: self.family,
            preset: None,
            layers,
            width,
            bidirectional,
            start: None,
            new_output: false,
        }
    }

    /// Number of parameters with `inputs` features a frame and `senones` outputs. Each LSTM layer and direction has four
    /// gates with weights on its input and on its own output, and two biases.
    #[must_use]
    pub fn parameters(&self, inputs: usize, senones: usize) -> usize {
        let Model { layers, width, bidirectional, .. } = self.resolved();
        let (width, directions) = (width as usize, if bidirectional { 2 } else { 1 });
        let layer = |inputs: usize| directions * 4 * width * (inputs + width + 2);
        let output = directions * width;
        layer(inputs) + (layers as usize - 1) * layer(output) + senones * (output + 1)
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        require((1..=16).contains(&self.layers), "model.layers", "1 to 16", self.layers)?;
        require((8..=4096).contains(&self.width), "model.width", "8 to 4096", self.width)
    }
}
