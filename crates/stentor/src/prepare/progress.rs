use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use std::time::Duration;
use stentor_audio::Micros;

/// A bar that counts milliseconds of audio, with speed and time left; drawn on terminals only.
pub(super) fn audio_bar(stage: &'static str, audio: Micros) -> ProgressBar {
    let bar = ProgressBar::new(milliseconds(audio));
    let style = ProgressStyle::with_template("{prefix:<10} {bar:32} {percent:>3}%  {speed:>14}  {left}")
        .expect("the template is a constant")
        .with_key("speed", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // Nothing can be done about a terminal that does not take the text.
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

/// What [`audio_bar`] counts.
pub(super) fn milliseconds(audio: Micros) -> u64 {
    (audio / 1_000).max(0) as u64
}
