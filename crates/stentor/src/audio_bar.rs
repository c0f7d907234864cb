//! Progress through audio; drawn on terminals only.

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use std::time::Duration;

/// A bar that counts milliseconds of audio, of `total`, with speed and remaining time.
pub(crate) fn audio_bar(stage: &'static str, total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
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
