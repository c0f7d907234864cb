//! The results of a demo, written by `--json`, from the output of each program.

use super::density::Density;
use super::experiment_file::System;
use super::rates::Rates;
use super::seed_run::{SeedRun, recovery};
use super::test_set::PrepareSummary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The figures of a demo: means over the seeds, and those of each seed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) teacher: Rates,
    pub(crate) students: Students,
    pub(crate) labels: Labels,
    pub(crate) seconds: Seconds,
    pub(crate) peak_rss_mb: PeakMemory,
    /// Utterances that were meant for the test set and are not in it, by reason.
    #[serde(default)]
    pub(crate) test_left_out: BTreeMap<String, u64>,
    /// Share of the test set's time with speakers who also occur in training; `None` if unknown.
    #[serde(default)]
    pub(crate) test_heard_in_training: Option<f64>,
    /// The figures of each seed; empty within a seed's figures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) seeds: Vec<Figures>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Students {
    pub(crate) annotated: Rates,
    pub(crate) gtc: Student,
    pub(crate) bmuf: Student,
    pub(crate) dense: Student,
    /// Trained on the annotations of all audio; absent where that was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ceiling: Option<Rates>,
}

/// A student, with the cost of its exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Student {
    #[serde(flatten)]
    pub(crate) rates: Rates,
    /// Bytes sent and received by all workers, per frame trained on.
    pub(crate) bytes_per_frame: f64,
    #[serde(flatten)]
    pub(crate) density: Density,
    /// Share of the word errors between annotated audio alone and the ceiling that it avoids, percent; over all seeds together.
    /// Absent without words, without a ceiling, and if the ceiling is no better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recovery: Option<f64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Labels {
    pub(crate) bytes_per_frame: f64,
    pub(crate) frames_per_s: f64,
}

/// Wall-clock time of each stage, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seconds {
    pub(crate) prepare: f64,
    /// Tree and tied sets.
    #[serde(default)]
    pub(crate) senones: f64,
    /// Text, lexicon and language model; 0 if no words are recognised.
    #[serde(default)]
    pub(crate) language: f64,
    pub(crate) teacher: f64,
    pub(crate) label: f64,
    /// All of them, one after the other.
    pub(crate) students: f64,
    /// Words of dev and test, of all systems together.
    #[serde(default)]
    pub(crate) recognise: f64,
}

/// Wall-clock time of what is done once, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Before {
    pub(crate) prepare: f64,
    pub(crate) senones: f64,
    pub(crate) language: f64,
}

/// Peak resident memory of each program in any run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PeakMemory {
    pub(crate) coordinator: f64,
    pub(crate) worker: f64,
    pub(crate) labeler: f64,
}

/// Means over the seeds (for memory: maxima), with the figures of each seed.
pub(crate) fn figures(runs: &[SeedRun], before: Before, prepared: &PrepareSummary) -> Figures {
    let seeds = runs.iter().map(|run| of_runs(std::slice::from_ref(run), before)).collect();
    Figures {
        test_left_out: prepared.test_left_out(),
        test_heard_in_training: prepared.test_heard_in_training,
        seeds,
        ..of_runs(runs, before)
    }
}

/// Means over runs; for memory maxima.
fn of_runs(runs: &[SeedRun], before: Before) -> Figures {
    let mean = |of: &dyn Fn(&SeedRun) -> f64| runs.iter().map(of).sum::<f64>() / runs.len().max(1) as f64;
    let most = |of: &dyn Fn(&SeedRun) -> f64| runs.iter().map(of).fold(0.0, f64::max);
    let all = |system| runs.iter().filter_map(move |run| run.of(system));
    let rates = |system| Rates::mean(&all(system).map(|trained| trained.rates).collect::<Vec<_>>());
    let student = |system| Student {
        rates: rates(system),
        bytes_per_frame: mean(&|run| run.of(system).map_or(0.0, |trained| trained.train.bytes_per_frame)),
        density: Density::mean(&all(system).map(|trained| trained.density).collect::<Vec<_>>()),
        recovery: recovery(runs, system).map(|recovery| recovery.percent),
    };
    let training = |run: &SeedRun, is_teacher: bool| {
        let of = run.systems.iter().filter(|trained| (trained.system == System::Teacher) == is_teacher);
        of.map(|trained| trained.seconds).sum::<f64>()
    };
    let Before { prepare, senones, language } = before;
    Figures {
        teacher: rates(System::Teacher),
        students: Students {
            annotated: rates(System::Annotated),
            gtc: student(System::Gtc),
            bmuf: student(System::Bmuf),
            dense: student(System::Dense),
            ceiling: all(System::Ceiling).next().map(|_| rates(System::Ceiling)),
        },
        labels: Labels {
            bytes_per_frame: mean(&|run| run.label.bytes_per_frame),
            frames_per_s: mean(&|run| run.label.frames_per_s),
        },
        seconds: Seconds {
            prepare,
            senones,
            language,
            teacher: mean(&|run| training(run, true)),
            label: mean(&|run| run.label_seconds),
            students: mean(&|run| training(run, false)),
            recognise: mean(&|run| run.systems.iter().map(|trained| trained.recognise_seconds).sum()),
        },
        peak_rss_mb: PeakMemory {
            coordinator: most(&|run| run.peak_rss_mb("coordinator")),
            worker: most(&|run| run.peak_rss_mb("worker")),
            labeler: most(&|run| run.label.peak_rss_mb),
        },
        ..Figures::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::recipe::Recipe;
    use crate::demo::seed_run::tests::{run, run_of};

    const BEFORE: Before = Before { prepare: 30.0, senones: 4.0, language: 6.0 };

    #[test]
    fn the_json_has_the_agreed_keys() {
        let json =
            serde_json::to_value(figures(&[run(1, 50.0)], BEFORE, &PrepareSummary::default())).unwrap();
        let at = |path: &str| json.pointer(path).and_then(serde_json::Value::as_f64);
        for (path, value) in [
            ("/teacher/fer", 50.0),
            ("/teacher/wer", 60.0),
            ("/teacher/dev_wer", 61.0),
            ("/students/annotated/fer_speech", 55.0),
            ("/students/annotated/wer", 70.0),
            ("/students/gtc/per", 45.0),
            ("/students/gtc/wer", 60.0),
            ("/students/gtc/dev_wer", 61.0),
            ("/students/bmuf/bytes_per_frame", 100.0),
            ("/students/dense/fer", 50.0),
            ("/students/gtc/density", 0.1),
            ("/students/bmuf/density_of_signs", 0.05),
            ("/labels/bytes_per_frame", 50.0),
            ("/labels/frames_per_s", 9000.0),
            ("/seconds/prepare", 30.0),
            ("/seconds/senones", 4.0),
            ("/seconds/language", 6.0),
            ("/seconds/teacher", 10.0),
            ("/seconds/label", 20.0),
            ("/seconds/students", 40.0),
            ("/seconds/recognise", 15.0),
            ("/peak_rss_mb/coordinator", 50.0),
            ("/peak_rss_mb/worker", 350.0),
            ("/peak_rss_mb/labeler", 400.0),
            ("/seeds/0/teacher/fer", 50.0),
        ] {
            assert_eq!(at(path), Some(value), "{path}");
        }
        for absent in ["/students/ceiling", "/students/gtc/recovery"] {
            assert_eq!(json.pointer(absent), None, "without a ceiling");
        }
    }

    #[test]
    fn a_ceiling_has_rates_and_the_students_their_recovery_of_each_seed_and_of_all() {
        let recipe = Recipe::full();
        let figures = figures(
            &[run_of(&recipe, 1, 40.0), run_of(&recipe, 2, 40.0)],
            BEFORE,
            &PrepareSummary::default(),
        );
        let json = serde_json::to_value(&figures).unwrap();
        assert_eq!(json["students"]["ceiling"]["wer"], 50.0);
        for path in ["/students/gtc/recovery", "/seeds/1/students/dense/recovery"] {
            assert_eq!(json.pointer(path).and_then(serde_json::Value::as_f64), Some(50.0), "{path}");
        }
        assert_eq!(figures.seconds.students, 50.0, "five students");
        assert_eq!(serde_json::from_value::<Figures>(json).unwrap(), figures);
    }

    #[test]
    fn figures_of_demos_without_words_are_still_read() {
        let old = r#"{"fer": 50.0, "fer_speech": 55.0, "per": 45.0, "bytes_per_frame": 9.0, "density": 0.1, "density_of_signs": null}"#;
        let student: Student = serde_json::from_str(old).unwrap();
        assert_eq!((student.rates.fer, student.rates.wer, student.recovery), (50.0, None, None));
    }

    #[test]
    fn rates_are_means_over_seeds_and_memory_the_maximum() {
        let figures = figures(&[run(1, 40.0), run(3, 60.0)], BEFORE, &PrepareSummary::default());
        assert_eq!(figures.students.dense.density.density, Some(0.2));
        assert_eq!((figures.teacher.fer, figures.students.gtc.bytes_per_frame), (50.0, 200.0));
        assert_eq!(figures.peak_rss_mb.worker, 360.0);
        assert_eq!(figures.seeds.len(), 2);
    }
}
