//! What a seed's systems are and how good they are, as each program wrote it.

use super::density::Density;
use super::experiment_file::System;
use super::rates::Rates;
use stentor_evaluate::{
    Figures as Evaluation, LabelerFigures, Measure, RecognitionFigures, Recovery, RecoveryRun, Scoreboard,
};
use stentor_runlog::Summary;

/// Number of draws of the bootstrap over groups, and its seed.
pub(crate) const RESAMPLES: u32 = 10_000;
pub(crate) const BOOTSTRAP_SEED: u64 = 1;

/// One trained and evaluated system.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trained {
    pub(crate) system: System,
    pub(crate) train: Summary,
    pub(crate) rates: Rates,
    pub(crate) evaluation: Evaluation,
    /// Absent if no words are recognised.
    pub(crate) recognition: Option<RecognitionFigures>,
    pub(crate) density: Density,
    /// Wall-clock time of the whole training command, in seconds.
    pub(crate) seconds: f64,
    /// Wall-clock time to recognise the words of dev and test, in seconds.
    pub(crate) recognise_seconds: f64,
}

impl Trained {
    /// Word errors by group.
    pub(crate) fn words(&self) -> Option<&Scoreboard> {
        self.recognition.as_ref().map(|found| &found.by_group)
    }
}

/// The run of one seed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SeedRun {
    pub(crate) seed: u64,
    pub(crate) systems: Vec<Trained>,
    pub(crate) label: LabelerFigures,
    pub(crate) label_seconds: f64,
}

impl SeedRun {
    pub(crate) fn of(&self, system: System) -> Option<&Trained> {
        self.systems.iter().find(|trained| trained.system == system)
    }

    /// Highest resident memory of a program in any training.
    pub(crate) fn peak_rss_mb(&self, program: &str) -> f64 {
        let peaks = self.systems.iter().filter_map(|trained| trained.train.peak_rss_mb.get(program));
        peaks.copied().fold(0.0, f64::max)
    }
}

/// The share of the word errors between annotated audio alone and the ceiling that a semi-supervised student avoids, over all
/// runs together; `None` for other systems, and without words or a ceiling that is better.
pub(crate) fn recovery(runs: &[SeedRun], system: System) -> Option<Recovery> {
    if !system.is_semi_supervised() {
        return None;
    }
    let run = |run: &'_ SeedRun| -> Option<[Scoreboard; 3]> {
        let words = |system| run.of(system)?.words().cloned();
        Some([words(system)?, words(System::Annotated)?, words(System::Ceiling)?])
    };
    let boards = runs.iter().map(run).collect::<Option<Vec<_>>>()?;
    let runs = boards.iter().map(|[system, baseline, ceiling]| RecoveryRun { system, baseline, ceiling });
    Recovery::of(&runs.collect::<Vec<_>>(), Measure::Words, RESAMPLES, BOOTSTRAP_SEED)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::demo::recipe::Recipe;
    use stentor_evaluate::Score;
    use stentor_evaluate::words::WordErrors;

    /// Word errors of three groups with 100 words each.
    pub(in super::super) fn words(errors: u64) -> Scoreboard {
        let mut board = Scoreboard::default();
        for group in ["a", "b", "c"] {
            let words = WordErrors { reference: 100, substitutions: errors, ..WordErrors::default() };
            board.add(group, Score { words, ..Score::default() });
        }
        board
    }

    pub(in super::super) fn run(seed: u64, fer: f64) -> SeedRun {
        run_of(&Recipe::game(), seed, fer)
    }

    /// The systems of a recipe: words 70 % wrong with annotated audio alone, 50 % at the ceiling, otherwise 60 %.
    pub(in super::super) fn run_of(recipe: &Recipe, seed: u64, fer: f64) -> SeedRun {
        let trained = |system: System| {
            let errors = match system {
                System::Annotated => 70,
                System::Ceiling => 50,
                _ => 60,
            };
            let by_group = words(errors);
            let wer = by_group.total().words.rate();
            let dev_wer = wer.map(|wer| wer + 1.0);
            Trained {
                system,
                train: Summary {
                    frames: 1000,
                    seconds: 9.0,
                    bytes_per_frame: 100.0 * seed as f64,
                    peak_rss_mb: [("coordinator", 50.0), ("worker", 300.0 + fer)]
                        .map(|(of, mb)| (of.to_owned(), mb))
                        .into(),
                    dev_frame_error: Some(fer + 1.0),
                    ..Summary::default()
                },
                rates: Rates { fer, fer_speech: fer + 5.0, per: fer - 5.0, wer, dev_wer },
                evaluation: Evaluation::default(),
                recognition: Some(RecognitionFigures {
                    wer,
                    dev_wer,
                    words: by_group.total().words,
                    by_group,
                    ..RecognitionFigures::default()
                }),
                density: Density { density: Some(0.1 * seed as f64), density_of_signs: Some(0.05) },
                seconds: 10.0,
                recognise_seconds: 3.0,
            }
        };
        SeedRun {
            seed,
            systems: System::all(recipe).map(trained).collect(),
            label: LabelerFigures {
                bytes_per_frame: 50.0,
                frames_per_s: 9000.0,
                peak_rss_mb: 400.0,
                ..LabelerFigures::default()
            },
            label_seconds: 20.0,
        }
    }

    #[test]
    fn recovery_needs_a_ceiling_and_words_and_is_of_semi_supervised_students_only() {
        let mut runs = [run_of(&Recipe::full(), 1, 50.0)];
        assert_eq!(recovery(&runs, System::Gtc).unwrap().percent, 50.0);
        assert_eq!((recovery(&runs, System::Ceiling), recovery(&runs, System::Teacher)), (None, None));
        assert_eq!(recovery(&[run(1, 50.0)], System::Gtc), None);
        runs[0].systems[2].recognition = None;
        assert_eq!(recovery(&runs, System::Gtc), None);
    }
}
