use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use std::time::Duration;
use stentor_audio::Micros;
use stentor_prepare::{Progress, Stage};

/// The progress bar of the current stage; drawn on terminals only.
#[derive(Debug, Default)]
pub(super) struct Bars {
    current: Option<(Stage, ProgressBar)>,
}

impl Bars {
    /// Draws the progress of a stage; finished stages are cleared.
    pub(super) fn show(&mut self, Progress { stage, done, total }: Progress) {
        let (_, bar) = match self.current.take() {
            Some(current) if current.0 == stage => self.current.insert(current),
            _ => self.current.insert((stage, audio_bar(stage.name(), total))),
        };
        bar.set_position(milliseconds(done));
        if done >= total {
            bar.finish_and_clear();
        }
    }
}

/// A bar that counts milliseconds of audio, with speed and remaining time.
fn audio_bar(stage: &'static str, audio: Micros) -> ProgressBar {
    let bar = ProgressBar::new(milliseconds(audio));
    let style = ProgressStyle::with_template("{prefix:<10} {bar:32} {percent:>3}%  {speed:>14}  {left}")
        .expect("the template is a constant")
        .with_key("speed", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // Errors when writing to the terminal cannot be handled.
            let _ = write!(out, "{:.0} × real time", state.per_sec() / 1_000.0);
        })
        .with_key("left", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = write!(out, "{} s left", state.eta().as_secs());
        });
    bar.set_style(style);
    bar.set_prefix(stage);
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

fn milliseconds(audio: Micros) -> u64 {
    (audio / 1_000).max(0) as u64
}
