//! `[model]`: an architecture, and how a run trains it.

mod lstm;
mod table;

pub use lstm::{Lstm, Preset};

use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use table::Table;

/// What a run trains: an architecture, the source of its initial weights, and settings that apply only in training. In
/// the file all of it is one table, `[model]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Table", into = "Table")]
pub struct Model {
    /// Family and sizes.
    pub architecture: Architecture,
    /// Share of the values between two layers that is set to zero in each training batch.
    pub dropout: f64,
    /// Folder or URL of the model with which the run starts.
    pub start: Option<String>,
    /// Whether the output layer of that model is replaced by a newly initialised one.
    pub new_output: bool,
}

/// A model family with its own settings: everything that decides the names and shapes of the parameters, except the
/// number of inputs and outputs. Manifests of checkpoints contain it, [resolved](Self::resolved).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "kebab-case")]
pub enum Architecture {
    /// A stack of LSTM layers and a linear output layer.
    Lstm(Lstm),
}

impl Default for Architecture {
    fn default() -> Self {
        Architecture::Lstm(Lstm::default())
    }
}

impl From<Lstm> for Architecture {
    fn from(lstm: Lstm) -> Self {
        Architecture::Lstm(lstm)
    }
}

impl Architecture {
    /// Resolves the preset of the architecture, if any.
    #[must_use]
    pub fn resolved(&self) -> Self {
        match self {
            Architecture::Lstm(lstm) => Architecture::Lstm(lstm.resolved()),
        }
    }

    /// Whether its models can run frame by frame; if not, they need whole utterances.
    #[must_use]
    pub fn streams(&self) -> bool {
        match self {
            Architecture::Lstm(lstm) => !lstm.resolved().bidirectional,
        }
    }

    /// Frames that its models hear before they give the output of a frame.
    #[must_use]
    pub fn look_ahead(&self) -> u32 {
        match self {
            Architecture::Lstm(lstm) => lstm.look_ahead,
        }
    }

    /// Names and shapes of all parameters, in the order of the flat vector, for `inputs` values per frame and `senones`
    /// outputs.
    #[must_use]
    pub fn parameters(&self, inputs: usize, senones: usize) -> Vec<(String, Vec<usize>)> {
        match self {
            Architecture::Lstm(lstm) => lstm.resolved().parameters(inputs, senones),
        }
    }

    /// Total number of values in all [`parameters`](Self::parameters).
    #[must_use]
    pub fn parameter_count(&self, inputs: usize, senones: usize) -> usize {
        self.parameters(inputs, senones).iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    /// Whether the parameter with this name belongs to the output layer, the only one whose sizes depend on the
    /// senones.
    #[must_use]
    pub fn is_output(&self, name: &str) -> bool {
        match self {
            Architecture::Lstm(_) => name.starts_with(lstm::OUTPUT),
        }
    }

    /// Checks every size against its bounds.
    ///
    /// # Errors
    /// [`Error::Value`] naming the key.
    pub fn validate(&self) -> Result<(), Error> {
        match self {
            Architecture::Lstm(lstm) => lstm.validate(),
        }
    }
}

impl Model {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        self.architecture.validate()?;
        require((0.0..1.0).contains(&self.dropout), "model.dropout", "0 to 1, 1 excluded", self.dropout)
    }
}
