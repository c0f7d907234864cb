use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A line of the coordinator's standard output (`--json-lines`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Line {
    /// The URL that workers join.
    Listening(String),
    /// A round closed.
    Progress(Progress),
    /// The run is finished.
    Summary(serde_json::Value),
}

/// How far the run is.
#[derive(Debug, Deserialize)]
pub(crate) struct Progress {
    committed_frames: u64,
    total_frames: u64,
    source: String,
    loss: f64,
}

/// A bar with rate, time left and a smoothed loss per source; where standard error is no terminal, a line for each tenth.
pub(crate) struct Bar {
    bar: ProgressBar,
    losses: BTreeMap<String, f64>,
    /// Tenths of the run that were told where nobody sees the bar.
    told: u64,
}

/// Weight of the past in the displayed loss.
const SMOOTHING: f64 = 0.95;

impl Bar {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(0);
        let template = "{bar:32} {percent:>3} %  {rate} frames/s  {eta} left  {msg}";
        // The template is a constant; should it be wrong, the default style serves.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.with_key("rate", |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            // A rate that cannot be written is not shown.
            let _ = write!(text, "{:.0}", state.per_sec());
        }));
        Self { bar, losses: BTreeMap::new(), told: 0 }
    }

    pub(crate) fn advance(&mut self, progress: Progress) {
        let Progress { committed_frames, total_frames, source, loss } = progress;
        let smoothed = self.losses.entry(source).or_insert(loss);
        *smoothed = SMOOTHING * *smoothed + (1.0 - SMOOTHING) * loss;
        let words: Vec<String> =
            self.losses.iter().map(|(source, loss)| format!("{source} loss {loss:.3}")).collect();
        let words = words.join(", ");
        let tenths = 10 * committed_frames / total_frames.max(1);
        if self.bar.is_hidden() && tenths > self.told {
            self.told = tenths;
            stentor_runtime::errln!("{:>3} %  {words}", 10 * tenths);
        }
        self.bar.set_length(total_frames);
        self.bar.set_position(committed_frames);
        self.bar.set_message(words);
    }

    pub(crate) fn say(&self, words: &str) {
        if self.bar.is_hidden() { stentor_runtime::errln!("{words}") } else { self.bar.println(words) }
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
