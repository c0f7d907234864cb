//! The report of an experiment (results, learning curves and costs) as one HTML file and as a table for the terminal.
//! Everything is computed from [`ReportData`], which can be stored as JSON.

mod bars;
mod chart;
mod findings;
mod labels;
mod page;
mod tables;
mod terminal;
mod words;

pub use crate::format::{count, decimal};
pub use findings::{Finding, findings};
pub use page::html;
pub use terminal::{Align, TextTable, terminal_table};
pub use words::{Clip, ClipFormat, Example, Recognition};

use crate::words::{Interval, WordErrors};
use crate::{Difference, Measure, PairedRuns, PhoneErrors, Recovery, Spread};
use serde::{Deserialize, Serialize};

/// All data of a report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReportData {
    /// Heading.
    pub title: String,
    /// One or two sentences under the heading.
    pub subtitle: String,
    /// The corpus in names and values: hours, speakers, splits.
    pub facts: Vec<Fact>,
    /// One row for each system, in the order of presentation.
    pub rows: Vec<Row>,
    /// Differences between systems with their uncertainty.
    pub comparisons: Vec<Comparison>,
    /// Systems with several seeds that are not compared yet: see [`ReportData::compare_seeds`].
    pub paired: Vec<PairedRuns>,
    /// How words were recognised, and what was recognised in some utterances; absent if words were not recognised.
    pub recognition: Option<Recognition>,
    /// Learning curves; several seeds of a system have the same name.
    pub curves: Vec<Curve>,
    /// Duration of each stage, in order.
    pub stages: Vec<Stage>,
    /// Peak memory of each program.
    pub memory: Vec<Memory>,
    /// Complete experiment files.
    pub settings: Vec<Settings>,
    /// What a reader must know to interpret the figures.
    pub notes: Vec<String>,
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The name.
    pub name: String,
    /// The value, with its unit.
    pub value: String,
}

/// The data that a system learned from; decides what it is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The slow, accurate model that labels.
    Teacher,
    /// A student that was trained on annotated audio alone: the baseline.
    AnnotatedOnly,
    /// A student that was also trained on the teacher's labels.
    #[default]
    SemiSupervised,
    /// A student that was trained on the annotations of all audio: what the teacher's labels could reach at best.
    Ceiling,
}

/// Error rates of one run, percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rates {
    /// Frame error rate over all frames.
    pub fer: Option<f64>,
    /// Frame error rate over frames whose reference is not silence.
    pub fer_speech: Option<f64>,
    /// Phone error rate.
    pub per: Option<f64>,
    /// Word error rate.
    pub wer: Option<f64>,
}

/// One system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// Short name, shared with its curves: `gtc`.
    pub name: String,
    /// A short description: family, size, data.
    pub description: String,
    /// The data it learned from.
    pub role: Role,
    /// Strategy of its exchange: `dense`, `gtc`, `bmuf`.
    pub strategy: Option<String>,
    /// Error rates on the test set, one entry for each seed.
    pub runs: Vec<Rates>,
    /// Phone errors on the test set, summed over the seeds.
    pub phone_errors: Option<PhoneErrors>,
    /// Word errors on the test set, summed over the seeds.
    pub word_errors: Option<WordErrors>,
    /// 95 % interval of the word error rate.
    pub wer_interval: Option<Interval>,
    /// Share of the word errors between annotated audio alone and the ceiling that the system avoids.
    pub recovery: Option<Recovery>,
    /// Word error rate on dev, percent, mean over the seeds.
    pub dev_wer: Option<f64>,
    /// Frame error rate on dev of the final model, percent, over senones, mean over the seeds: the figure for a choice
    /// among systems.
    pub dev_fer: Option<f64>,
    /// Number of parameters of the model.
    pub parameters: Option<u64>,
    /// Number of frames trained on in one run, in all passes together.
    pub frames: Option<u64>,
    /// Training time of one run, seconds.
    pub seconds: Option<f64>,
    /// Bytes sent and received by all workers for each frame trained on.
    pub bytes_per_frame: Option<f64>,
    /// Share of the parameters that a worker sent in an exchange; mean over all exchanges.
    pub density: Option<f64>,
    /// Hours of audio that the model can label per second.
    pub hours_per_second: Option<f64>,
}

impl Row {
    /// Returns the frame error rate over the seeds.
    #[must_use]
    pub fn fer(&self) -> Option<Spread> {
        Spread::of(self.runs.iter().filter_map(|r| r.fer))
    }

    /// Returns the frame error rate on speech over the seeds.
    #[must_use]
    pub fn fer_speech(&self) -> Option<Spread> {
        Spread::of(self.runs.iter().filter_map(|r| r.fer_speech))
    }

    /// Returns the phone error rate over the seeds.
    #[must_use]
    pub fn per(&self) -> Option<Spread> {
        Spread::of(self.runs.iter().filter_map(|r| r.per))
    }

    /// Returns the word error rate over the seeds.
    #[must_use]
    pub fn wer(&self) -> Option<Spread> {
        Spread::of(self.runs.iter().filter_map(|r| r.wer))
    }
}

/// A comparison of two systems on the same test data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Name of the system.
    pub system: String,
    /// Name of the system it is compared with.
    pub baseline: String,
    /// The error rate that is compared.
    pub measure: Measure,
    /// Rates, difference and uncertainty.
    pub difference: Difference,
}

/// The quantity of a curve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CurveKind {
    /// Frame error rate on dev, percent.
    DevFrameError,
    /// Training loss per frame on one source of data (`annotated`, `machine-labeled`), nats.
    TrainingLoss(String),
}

/// One line of a learning curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The system's name, as in its row.
    pub system: String,
    /// The quantity.
    pub kind: CurveKind,
    /// Committed frames and value, in the order of training. Values that are not finite are skipped.
    pub points: Vec<(f64, f64)>,
}

/// A stage of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Name: `prepare`, `teacher`, `label`.
    pub name: String,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// The memory of a program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Name of the program.
    pub program: String,
    /// Peak resident memory, MB.
    pub peak_mb: f64,
}

/// An experiment file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Name of the run.
    pub name: String,
    /// The file with every default written out.
    pub toml: String,
}

/// Number of draws of the bootstrap over seeds, and its seed.
const RESAMPLES: u32 = 10_000;
const SEED: u64 = 1;

impl ReportData {
    /// Compares all `paired` systems in every error rate that they have.
    #[must_use]
    pub fn compare_seeds(mut self) -> Self {
        for runs in &self.paired {
            let compare = |measure| {
                let difference = runs.compare(measure, RESAMPLES, SEED)?;
                let (system, baseline) = (runs.system.clone(), runs.baseline.clone());
                Some(Comparison { system, baseline, measure, difference })
            };
            self.comparisons.extend(Measure::ALL.into_iter().filter_map(compare));
        }
        self
    }

    /// Returns a system's colour in the palette; the teacher has none.
    fn palette(&self, system: &str) -> Palette {
        let students = || self.rows.iter().filter(|r| r.role != Role::Teacher).map(|r| r.name.as_str());
        if self.rows.iter().any(|r| r.name == system && r.role == Role::Teacher) {
            return Palette::Neutral;
        }
        let others =
            self.curves.iter().map(|c| c.system.as_str()).filter(|&s| !self.rows.iter().any(|r| r.name == s));
        let mut names: Vec<&str> = Vec::new();
        for name in students().chain(others) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Palette::Colour(names.iter().position(|&n| n == system).unwrap_or(0) % COLOURS)
    }
}

/// Number of colours of the style sheet, `--c0` and so on.
const COLOURS: usize = 6;

/// Appearance of a system wherever it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Palette {
    /// Grey: the reference for the others.
    Neutral,
    /// One of the colours, with its own dash pattern.
    Colour(usize),
}

impl Palette {
    /// Returns the class in the style sheet.
    fn class(self) -> String {
        match self {
            Self::Neutral => "cn".to_owned(),
            Self::Colour(index) => format!("c{index}"),
        }
    }
}

#[cfg(test)]
mod tests;
