use stentor_audio::Micros;

/// How far a stage is. Told at its beginning, and after each recording, in the order of the recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which stage.
    pub stage: Stage,
    /// Audio that is done, in microseconds.
    pub done: Micros,
    /// Audio of the whole stage, in microseconds; the stage is done when `done` has come to it.
    pub total: Micros,
}

/// A stage that takes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The aligner runs over the annotated, dev and test utterances.
    Aligning,
    /// Audio is made into features.
    Features,
}

impl Stage {
    /// A word for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Stage::Aligning => "aligning",
            Stage::Features => "features",
        }
    }
}

/// Adds up a stage's progress and reports it.
pub(crate) struct Meter<'a> {
    progress: Progress,
    report: &'a mut dyn FnMut(Progress),
}

impl<'a> Meter<'a> {
    /// Reports the beginning of a stage.
    pub(crate) fn start(stage: Stage, total: Micros, report: &'a mut dyn FnMut(Progress)) -> Self {
        let progress = Progress { stage, done: 0, total };
        report(progress);
        Self { progress, report }
    }

    /// Reports that so much more audio is done.
    pub(crate) fn add(&mut self, audio: Micros) {
        self.progress.done += audio;
        (self.report)(self.progress);
    }
}
