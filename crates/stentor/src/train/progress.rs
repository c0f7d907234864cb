use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use serde::Deserialize;
use std::collections::BTreeMap;
use stentor_runlog::Summary;

/// A line of the coordinator's standard output (`--json-lines`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Line {
    /// The URL for workers to join.
    Listening(String),
    /// A round closed.
    Progress(Progress),
    /// The run is finished.
    Summary(Box<Summary>),
}

/// Progress of the run.
#[derive(Debug, Deserialize)]
pub(crate) struct Progress {
    committed_frames: u64,
    total_frames: u64,
    by_source: Vec<OfSource>,
}

/// Figures of a round's batches of one source.
#[derive(Debug, Deserialize)]
struct OfSource {
    source: String,
    frames: u64,
    /// Nats per frame.
    loss: f64,
}

/// A progress bar with rate, remaining time and a smoothed loss per source; if standard error is not a terminal, one
/// line per tenth of the run.
pub(crate) struct Bar {
    bar: ProgressBar,
    losses: BTreeMap<String, f64>,
    /// Tenths of the run that were printed without a terminal.
    told: u64,
}

/// After this share of the run, the weight of a loss in the displayed one has halved: many rounds of a long run, less
/// than a block of a short one.
const HALF_LIFE: f64 = 0.01;

/// Returns the displayed loss after a round with `share` of the run's frames.
fn smoothed(before: f64, loss: f64, share: f64) -> f64 {
    let past = 0.5f64.powf(share / HALF_LIFE);
    past * before + (1.0 - past) * loss
}

impl Bar {
    /// A bar that is empty until the first round has closed.
    pub(crate) fn new() -> Self {
        Self::over(ProgressBar::no_length())
    }

    /// No bar: another process tells the progress.
    pub(crate) fn without_progress() -> Self {
        Self::over(ProgressBar::hidden())
    }

    fn over(bar: ProgressBar) -> Self {
        let template = "{bar:32} {percent:>3} %  {rate} frames/s  {left}  {msg}";
        // The template is a constant; if it were invalid, the default style would be used.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        // What cannot be written to the terminal is not shown.
        let rate = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let _ = write!(text, "{:.0}", state.per_sec());
        };
        let left = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let _ = match state.pos() {
                0 => write!(text, "waiting for the first round"),
                _ => write!(text, "{:#} left", HumanDuration(state.eta())),
            };
        };
        bar.set_style(style.with_key("rate", rate).with_key("left", left));
        Self { bar, losses: BTreeMap::new(), told: 0 }
    }

    pub(crate) fn advance(&mut self, progress: Progress) {
        let Progress { committed_frames, total_frames, by_source } = progress;
        for OfSource { source, frames, loss } in by_source {
            let shown = self.losses.entry(source).or_insert(loss);
            *shown = smoothed(*shown, loss, frames as f64 / total_frames.max(1) as f64);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_displayed_loss_follows_at_once_in_a_short_run_and_is_smooth_in_a_long_one() {
        let few = smoothed(4.0, 2.0, 1.0 / 7.0);
        assert!(few < 2.001, "{few}");
        let many = smoothed(4.0, 2.0, 1e-5);
        assert!(many > 3.99, "{many}");
        assert!((smoothed(4.0, 2.0, HALF_LIFE) - 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_block_of_both_sources_shows_the_loss_of_each() {
        let line = r#"{"progress": {"committed_frames": 50, "total_frames": 100, "by_source": [
            {"source": "annotated", "frames": 10, "loss": 2.0, "frame_error": 40.0},
            {"source": "machine-labeled", "frames": 40, "loss": 3.5, "frame_error": 60.0}]}}"#;
        let Line::Progress(progress) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
        let mut bar = Bar::new();
        bar.advance(progress);
        let shown: Vec<(&str, f64)> =
            bar.losses.iter().map(|(source, loss)| (source.as_str(), *loss)).collect();
        assert_eq!(shown, [("annotated", 2.0), ("machine-labeled", 3.5)]);
    }
}
