use super::{Architecture, Lstm, Model, Preset};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[model]` as it is written: the family, the keys of that family, and those of every model. The number of outputs comes
/// from the data (its senones).
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Table {
    /// Model family. Default `lstm`.
    family: Family,
    /// A published size; overrides `layers`, `width` and `bidirectional`.
    #[serde(skip_serializing_if = "Option::is_none")]
    preset: Option<Preset>,
    /// Recurrent layers. Default 3; 1 to 16.
    layers: Option<u32>,
    /// Units per layer and direction. Default 192; 8 to 4096.
    width: Option<u32>,
    /// Runs in both directions: a teacher. Default false: a student, fit for streaming.
    bidirectional: Option<bool>,
    /// Share of the values between two layers that each batch of training sets to zero, the others scaled up to make up for
    /// it. Which values these are follows from `run.seed` and the batch. Default 0; 0 to 1, 1 excluded.
    #[serde(skip_serializing_if = "is_zero")]
    dropout: f64,
    /// Folder or URL of a model that the run starts from: a finished run, or one checkpoint of any. Its sizes, its features'
    /// settings and its senones must be this run's own; its means and deviations become this run's. A copy of it is kept in
    /// `start` of the run's folder. Absent: weights are drawn from `run.seed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<String>,
    /// Of the model that `start` names the output layer is left out and drawn anew from `run.seed`: its senones may then be
    /// others, and more or fewer. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    new_output: bool,
}

/// Model families.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Family {
    /// A stack of LSTM layers and a linear output layer.
    #[default]
    Lstm,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde hands out references.
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl From<Table> for Model {
    fn from(table: Table) -> Self {
        let Table { family, preset, layers, width, bidirectional, dropout, start, new_output } = table;
        let architecture = match family {
            Family::Lstm => {
                let default = Lstm::default();
                Architecture::Lstm(Lstm {
                    preset,
                    layers: layers.unwrap_or(default.layers),
                    width: width.unwrap_or(default.width),
                    bidirectional: bidirectional.unwrap_or(default.bidirectional),
                })
            }
        };
        Self { architecture, dropout, start, new_output }
    }
}

impl From<Model> for Table {
    fn from(model: Model) -> Self {
        let Model { architecture, dropout, start, new_output } = model;
        let every = Self { dropout, start, new_output, ..Self::default() };
        match architecture {
            Architecture::Lstm(Lstm { preset, layers, width, bidirectional }) => Self {
                family: Family::Lstm,
                preset,
                layers: Some(layers),
                width: Some(width),
                bidirectional: Some(bidirectional),
                ..every
            },
        }
    }
}
