use crate::audio_bar::audio_bar;
use indicatif::ProgressBar;
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
            _ => self.current.insert((stage, audio_bar(stage.name(), milliseconds(total)))),
        };
        bar.set_position(milliseconds(done));
        if done >= total {
            bar.finish_and_clear();
        }
    }
}

fn milliseconds(audio: Micros) -> u64 {
    (audio / 1_000).max(0) as u64
}
