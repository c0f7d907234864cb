//! The report of an experiment: what was found, how it was learned and what it cost, as one HTML file and as a table for
//! the terminal. Everything is computed from [`ReportData`], which can be kept as JSON.

mod axis;
mod bars;
mod chart;
mod findings;
mod format;
mod page;
mod tables;
mod terminal;

pub use findings::{Finding, findings};
pub use format::{bytes, count, decimal, duration};
pub use page::html;
pub use terminal::{Align, TextTable, terminal_table};

use crate::{Difference, Measure, PairedRuns, PhoneErrors, Spread};
use serde::{Deserialize, Serialize};

/// All that a report shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReportData {
    /// Heading.
    pub title: String,
    /// One or two sentences under the heading.
    pub subtitle: String,
    /// The corpus in names and values: hours, speakers, splits.
    pub facts: Vec<Fact>,
    /// One row for each system, in the order in which they are to be read.
    pub rows: Vec<Row>,
    /// Differences between systems with their uncertainty.
    pub comparisons: Vec<Comparison>,
    /// Systems with several seeds, still to be compared: see [`ReportData::compare_seeds`].
    pub paired: Vec<PairedRuns>,
    /// Learning curves; several seeds of a system share its name.
    pub curves: Vec<Curve>,
    /// Time of each stage, in order.
    pub stages: Vec<Stage>,
    /// Peak memory of each program.
    pub memory: Vec<Memory>,
    /// Experiment files, complete.
    pub settings: Vec<Settings>,
    /// What a reader must know to judge the figures.
    pub notes: Vec<String>,
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What.
    pub name: String,
    /// How much, with its unit.
    pub value: String,
}

/// What a system learned from; decides what it is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The slow, accurate model that labels.
    Teacher,
    /// A student that saw annotated audio alone: the baseline.
    AnnotatedOnly,
    /// A student that learned from the teacher's labels too.
    #[default]
    SemiSupervised,
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
}

/// One system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// Short name, shared with its curves: `gtc`.
    pub name: String,
    /// Some words more: family, size, data.
    pub description: String,
    /// What it learned from.
    pub role: Role,
    /// How its workers agreed: `dense`, `gtc`, `bmuf`.
    pub strategy: Option<String>,
    /// Error rates on the test set, one entry a seed.
    pub runs: Vec<Rates>,
    /// Phone errors on the test set, summed over the seeds.
    pub phone_errors: Option<PhoneErrors>,
    /// Frame error rate on dev of the model that was kept, percent, over senones, mean over the seeds: what a choice
    /// among systems may look at.
    pub dev_fer: Option<f64>,
    /// Parameters of the model.
    pub parameters: Option<u64>,
    /// Frames trained on, all passes together, one run.
    pub frames: Option<u64>,
    /// Training time of one run, seconds.
    pub seconds: Option<f64>,
    /// Bytes sent and received by all workers for each frame trained on.
    pub bytes_per_frame: Option<f64>,
    /// Values that a worker sent in an exchange, share of the parameters; mean over all exchanges.
    pub density: Option<f64>,
    /// Hours of audio that the model can label in a second.
    pub hours_per_second: Option<f64>,
}

impl Row {
    /// Frame error rate over the seeds.
    #[must_use]
    pub fn fer(&self) -> Option<Spread> {
        Spread::of(self.runs.iter().filter_map(|r| r.fer))
    }

    /// Frame error rate on speech over the seeds.
    #[must_use]
    pub fn fer_speech(&self) -> Option<Spread> {
        Spread::of(self.runs.iter().filter_map(|r| r.fer_speech))
    }

    /// Phone error rate over the seeds.
    #[must_use]
    pub fn per(&self) -> Option<Spread> {
        Spread::of(self.runs.iter().filter_map(|r| r.per))
    }
}

/// Two systems on the same test data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Name of the system.
    pub system: String,
    /// Name of the system it is compared with.
    pub baseline: String,
    /// In which error rate.
    pub measure: Measure,
    /// Rates, difference and uncertainty.
    pub difference: Difference,
}

/// What a curve shows.
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
    /// What is shown.
    pub kind: CurveKind,
    /// Committed frames and value, in the order of training. Values that are not finite are left out.
    pub points: Vec<(f64, f64)>,
}

/// A stage of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// `prepare`, `teacher`, `label`.
    pub name: String,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// A program's memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Name of the program.
    pub program: String,
    /// Highest resident set, MB.
    pub peak_mb: f64,
}

/// An experiment file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Of which run.
    pub name: String,
    /// The file with every default written out.
    pub toml: String,
}

/// Draws of the bootstrap over seeds, and the seed of all of them.
const RESAMPLES: u32 = 10_000;
const SEED: u64 = 1;

impl ReportData {
    /// Adds the differences of all `paired` systems, in every rate that they have, to the comparisons.
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

    /// Place of a system's colour in the palette; the teacher has none of it.
    fn palette(&self, system: &str) -> Palette {
        let students = || self.rows.iter().filter(|r| r.role != Role::Teacher).map(|r| r.name.as_str());
        if self.rows.iter().any(|r| r.name == system && r.role == Role::Teacher) {
            return Palette::Neutral;
        }
        let strangers =
            self.curves.iter().map(|c| c.system.as_str()).filter(|&s| !self.rows.iter().any(|r| r.name == s));
        let mut names: Vec<&str> = Vec::new();
        for name in students().chain(strangers) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Palette::Colour(names.iter().position(|&n| n == system).unwrap_or(0) % COLOURS)
    }
}

/// Colours of the style sheet, `--c0` and so on.
const COLOURS: usize = 6;

/// How a system is drawn wherever it appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Palette {
    /// Grey: what the others are measured by.
    Neutral,
    /// A colour and a dash of its own.
    Colour(usize),
}

impl Palette {
    /// The class in the style sheet.
    fn class(self) -> String {
        match self {
            Self::Neutral => "cn".to_owned(),
            Self::Colour(index) => format!("c{index}"),
        }
    }
}

#[cfg(test)]
mod tests;
