//! The results of a demo, written by `--json`, from the output of each program.

use super::density::Density;
use super::experiment_file::System;
use super::rates::Rates;
use super::test_set::PrepareSummary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stentor_evaluate::{Figures as Evaluation, LabelerFigures};
use stentor_runlog::Summary;

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
    pub(crate) teacher: f64,
    pub(crate) label: f64,
    pub(crate) students: f64,
}

/// Peak resident memory of each program in any run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PeakMemory {
    pub(crate) coordinator: f64,
    pub(crate) worker: f64,
    pub(crate) labeler: f64,
}

/// One trained and evaluated system.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trained {
    pub(crate) system: System,
    pub(crate) train: Summary,
    pub(crate) rates: Rates,
    pub(crate) evaluation: Evaluation,
    pub(crate) density: Density,
    /// Wall-clock time of the whole training command, in seconds.
    pub(crate) seconds: f64,
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

    fn figures(&self, prepare: f64) -> Figures {
        let density = |system| self.of(system).map(|t| t.density).unwrap_or_default();
        let rates = |system| self.of(system).map(|t| t.rates).unwrap_or_default();
        let bytes = |system| self.of(system).map_or(0.0, |t| t.train.bytes_per_frame);
        let seconds = |system| self.of(system).map_or(0.0, |t| t.seconds);
        let student = |system| Student {
            rates: rates(system),
            bytes_per_frame: bytes(system),
            density: density(system),
        };
        let peak = |program: &str| {
            self.systems.iter().filter_map(|t| t.train.peak_rss_mb.get(program)).copied().fold(0.0, f64::max)
        };
        Figures {
            teacher: rates(System::Teacher),
            students: Students {
                annotated: rates(System::Annotated),
                gtc: student(System::Gtc),
                bmuf: student(System::Bmuf),
                dense: student(System::Dense),
            },
            labels: Labels {
                bytes_per_frame: self.label.bytes_per_frame,
                frames_per_s: self.label.frames_per_s,
            },
            seconds: Seconds {
                prepare,
                teacher: seconds(System::Teacher),
                label: self.label_seconds,
                students: System::STUDENTS.into_iter().map(seconds).sum(),
            },
            peak_rss_mb: PeakMemory {
                coordinator: peak("coordinator"),
                worker: peak("worker"),
                labeler: self.label.peak_rss_mb,
            },
            ..Figures::default()
        }
    }
}

/// Means over the seeds (for memory: maxima), with the figures of each seed.
pub(crate) fn figures(runs: &[SeedRun], prepare_seconds: f64, prepared: &PrepareSummary) -> Figures {
    let seeds: Vec<Figures> = runs.iter().map(|run| run.figures(prepare_seconds)).collect();
    let mean = |of: &dyn Fn(&Figures) -> f64| seeds.iter().map(of).sum::<f64>() / seeds.len().max(1) as f64;
    let most = |of: &dyn Fn(&Figures) -> f64| seeds.iter().map(of).fold(0.0, f64::max);
    let rates = |of: fn(&Figures) -> Rates| Rates {
        fer: mean(&|f| of(f).fer),
        fer_speech: mean(&|f| of(f).fer_speech),
        per: mean(&|f| of(f).per),
    };
    let student = |of: fn(&Figures) -> Student| Student {
        rates: Rates {
            fer: mean(&|f| of(f).rates.fer),
            fer_speech: mean(&|f| of(f).rates.fer_speech),
            per: mean(&|f| of(f).rates.per),
        },
        bytes_per_frame: mean(&|f| of(f).bytes_per_frame),
        density: Density::mean(&seeds.iter().map(|f| of(f).density).collect::<Vec<_>>()),
    };
    Figures {
        teacher: rates(|f| f.teacher),
        students: Students {
            annotated: rates(|f| f.students.annotated),
            gtc: student(|f| f.students.gtc),
            bmuf: student(|f| f.students.bmuf),
            dense: student(|f| f.students.dense),
        },
        labels: Labels {
            bytes_per_frame: mean(&|f| f.labels.bytes_per_frame),
            frames_per_s: mean(&|f| f.labels.frames_per_s),
        },
        seconds: Seconds {
            prepare: prepare_seconds,
            teacher: mean(&|f| f.seconds.teacher),
            label: mean(&|f| f.seconds.label),
            students: mean(&|f| f.seconds.students),
        },
        peak_rss_mb: PeakMemory {
            coordinator: most(&|f| f.peak_rss_mb.coordinator),
            worker: most(&|f| f.peak_rss_mb.worker),
            labeler: most(&|f| f.peak_rss_mb.labeler),
        },
        test_left_out: prepared.test_left_out(),
        test_heard_in_training: prepared.test_heard_in_training,
        seeds,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn run(seed: u64, fer: f64) -> SeedRun {
        let trained = |system: System, fer: f64| Trained {
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
            rates: Rates { fer, fer_speech: fer + 5.0, per: fer - 5.0 },
            evaluation: Evaluation::default(),
            density: Density { density: Some(0.1 * seed as f64), density_of_signs: Some(0.05) },
            seconds: 10.0,
        };
        let all = [System::Teacher].into_iter().chain(System::STUDENTS);
        SeedRun {
            seed,
            systems: all.map(|system| trained(system, fer)).collect(),
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
    fn the_json_has_the_agreed_keys() {
        let json = serde_json::to_value(figures(&[run(1, 50.0)], 30.0, &PrepareSummary::default())).unwrap();
        let at = |path: &str| json.pointer(path).and_then(serde_json::Value::as_f64);
        for (path, value) in [
            ("/teacher/fer", 50.0),
            ("/students/annotated/fer_speech", 55.0),
            ("/students/gtc/per", 45.0),
            ("/students/bmuf/bytes_per_frame", 100.0),
            ("/students/dense/fer", 50.0),
            ("/students/gtc/density", 0.1),
            ("/students/bmuf/density_of_signs", 0.05),
            ("/labels/bytes_per_frame", 50.0),
            ("/labels/frames_per_s", 9000.0),
            ("/seconds/prepare", 30.0),
            ("/seconds/teacher", 10.0),
            ("/seconds/label", 20.0),
            ("/seconds/students", 40.0),
            ("/peak_rss_mb/coordinator", 50.0),
            ("/peak_rss_mb/worker", 350.0),
            ("/peak_rss_mb/labeler", 400.0),
            ("/seeds/0/teacher/fer", 50.0),
        ] {
            assert_eq!(at(path), Some(value), "{path}");
        }
    }

    #[test]
    fn rates_are_means_over_seeds_and_memory_the_maximum() {
        let figures = figures(&[run(1, 40.0), run(3, 60.0)], 1.0, &PrepareSummary::default());
        assert_eq!(figures.students.dense.density.density, Some(0.2));
        assert_eq!((figures.teacher.fer, figures.students.gtc.bytes_per_frame), (50.0, 200.0));
        assert_eq!(figures.peak_rss_mb.worker, 360.0);
        assert_eq!(figures.seeds.len(), 2);
    }
}
