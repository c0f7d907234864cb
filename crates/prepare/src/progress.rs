use stentor_audio::Micros;

/// Progress of a stage. Reported at its start, and after each recording in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The stage.
    pub stage: Stage,
    /// Processed audio, in microseconds.
    pub done: Micros,
    /// Audio of the whole stage, in microseconds; the stage is done when `done` equals it.
    pub total: Micros,
}

/// A stage with progress reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The aligner runs on the annotated, dev and test utterances.
    Aligning,
    /// Features are computed from audio.
    Features,
}

impl Stage {
    /// Name for display.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Stage::Aligning => "aligning",
            Stage::Features => "features",
        }
    }
}

/// Sums up a stage's progress and reports it.
pub(crate) struct Meter<'a> {
    progress: Progress,
    report: &'a mut dyn FnMut(Progress),
}

impl<'a> Meter<'a> {
    /// Reports the start of a stage.
    pub(crate) fn start(stage: Stage, total: Micros, report: &'a mut dyn FnMut(Progress)) -> Self {
        let progress = Progress { stage, done: 0, total };
        report(progress);
        Self { progress, report }
    }

    /// Reports that this much more audio is done.
    pub(crate) fn add(&mut self, audio: Micros) {
        self.progress.done += audio;
        (self.report)(self.progress);
    }
}
