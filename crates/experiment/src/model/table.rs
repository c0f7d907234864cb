use super::{Architecture, Lstm, Model, Preset};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[model]` as written in the file: the family, its own keys, and the keys common to all models. The number of outputs
/// is the number of senones in the data.
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
    /// Bidirectional: a teacher. Default false: a student, which can stream.
    bidirectional: Option<bool>,
    /// Look-ahead of a unidirectional model: it gives the output of a frame after it has heard so many more frames (output delay, Sak
    /// et al. 2015, section 3). Each costs a frame of latency, 30 ms. Default 0; 0 to 32.
    #[serde(skip_serializing_if = "is_none_or_zero")]
    look_ahead: Option<u32>,
    /// Dropout: share of the values between two layers that is set to zero in each training batch; the others are
    /// scaled up to compensate. The choice of values depends on `run.seed` and the batch. Default 0; at least 0 and
    /// below 1.
    #[serde(skip_serializing_if = "is_zero")]
    dropout: f64,
    /// Folder or URL of a model with which the run starts: a finished run, or one checkpoint of any run. Its sizes,
    /// feature settings and senones must equal those of this run; the run adopts its means and deviations. A copy is
    /// kept in `start` in the run's folder. Default: weights are drawn from `run.seed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<String>,
    /// Replaces the output layer of the model named by `start` with one drawn from `run.seed`. The two models may then
    /// have different senones. Default false.
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

fn is_none_or_zero(value: &Option<u32>) -> bool {
    value.is_none_or(|value| value == 0)
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes references.
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl From<Table> for Model {
    fn from(table: Table) -> Self {
        let Table { family, preset, layers, width, bidirectional, look_ahead, dropout, start, new_output } =
            table;
        let architecture = match family {
            Family::Lstm => {
                let default = Lstm::default();
                Architecture::Lstm(Lstm {
                    preset,
                    layers: layers.unwrap_or(default.layers),
                    width: width.unwrap_or(default.width),
                    bidirectional: bidirectional.unwrap_or(default.bidirectional),
                    look_ahead: look_ahead.unwrap_or(default.look_ahead),
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
            Architecture::Lstm(Lstm { preset, layers, width, bidirectional, look_ahead }) => Self {
                family: Family::Lstm,
                preset,
                layers: Some(layers),
                width: Some(width),
                bidirectional: Some(bidirectional),
                look_ahead: Some(look_ahead),
                ..every
            },
        }
    }
}
