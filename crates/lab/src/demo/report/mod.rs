//! The data of `report.html`, which `stentor report` reads.

use super::curves::{self, Curves};
use super::experiment_file::System;
use super::figures::{Figures, SeedRun, Trained};
use super::recipe::Recipe;
use super::sets::SetSize;
use super::test_set::PrepareSummary;
use anyhow::{Context, Result};
use std::path::Path;
use stentor_evaluate::report::{
    Comparison, Curve, CurveKind, Fact, Memory, Rates, ReportData, Role, Row, Settings, Stage,
};
use stentor_evaluate::{PairedRuns, PhoneErrors, PhoneReference};

/// The input of the report.
#[derive(Debug)]
pub(crate) struct Material<'a> {
    pub(crate) corpus: &'a str,
    pub(crate) recipe: &'a Recipe,
    pub(crate) workers: u32,
    /// Names and sizes of the sets.
    pub(crate) sets: &'a [(&'static str, SetSize)],
    pub(crate) runs: &'a [SeedRun],
    pub(crate) figures: &'a Figures,
    pub(crate) prepared: &'a PrepareSummary,
    /// The demo's folder.
    pub(crate) folder: &'a Path,
}

/// The report's data.
pub(crate) fn data(material: &Material<'_>) -> Result<ReportData> {
    let mut curves = Vec::new();
    let mut settings = Vec::new();
    for run in material.runs {
        let folder = material.folder.join(format!("seed-{}", run.seed));
        for system in systems() {
            curves.extend(lines(system, &curves::read(&folder.join(system.name()))?));
        }
    }
    if let Some(run) = material.runs.first() {
        for system in systems() {
            let path = material.folder.join(format!("seed-{}/{}.toml", run.seed, system.name()));
            let toml =
                std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            settings.push(Settings { name: system.name().to_owned(), toml });
        }
    }
    let Figures { seconds, peak_rss_mb: memory, .. } = material.figures;
    let fact = |(name, size): &(&str, SetSize)| Fact { name: (*name).to_owned(), value: size.to_string() };
    let stage = |(name, seconds): (&str, f64)| Stage { name: name.to_owned(), seconds };
    let stages = [
        ("prepare", seconds.prepare),
        ("teacher", seconds.teacher),
        ("label", seconds.label),
        ("students", seconds.students),
    ];
    let peak = |(program, peak_mb): (&str, f64)| Memory { program: program.to_owned(), peak_mb };
    let programs =
        [("coordinator", memory.coordinator), ("worker", memory.worker), ("labeler", memory.labeler)];
    Ok(ReportData {
        title: format!("Semi-supervised acoustic models: {}", material.corpus),
        subtitle: subtitle(material),
        facts: material.sets.iter().map(fact).collect(),
        rows: systems().map(|system| row(system, material)).collect(),
        comparisons: comparisons(material),
        paired: paired(material),
        recognition: None,
        curves,
        stages: stages.map(stage).into(),
        memory: programs.map(peak).into(),
        settings,
        notes: notes(material),
    })
}

fn systems() -> impl Iterator<Item = System> {
    [System::Teacher].into_iter().chain(System::STUDENTS)
}

fn notes(material: &Material<'_>) -> Vec<String> {
    let labels = material.figures.labels;
    let mut notes = vec![
        "Error rates are relative to the aligner's phones, not to hand labels: only differences matter.".to_owned(),
        "Frame errors are counted on phones: the posteriors of a phone's states are added before the best is chosen."
            .to_owned(),
        format!(
            "Soft labels: top {} per frame, {:.0} bytes per frame, written at {:.0} frames per second.",
            material.recipe.top_k, labels.bytes_per_frame, labels.frames_per_s
        ),
    ];
    notes.extend(material.prepared.notes());
    let of_frames = |trained: &Trained| trained.evaluation.phone_reference == Some(PhoneReference::Frames);
    if systems().flat_map(|system| material.runs.iter().filter_map(move |run| run.of(system))).any(of_frames)
    {
        notes.push(
            "Phones are compared with those of the test set's frames, not with all phones of the alignment: the set \
             was prepared by an earlier version, so phone error rates are too low."
                .to_owned(),
        );
    }
    notes.push(
        "Values sent: the share of the parameters that a worker sends in an exchange, averaged over all exchanges, \
         including the dense ones of GTC's warm-up. Training with other densities takes other times and bytes."
            .to_owned(),
    );
    notes
}

fn subtitle(material: &Material<'_>) -> String {
    let seeds = match material.runs.len() {
        1 => "One seed: differences below a point may be due to chance, and no interval includes the spread of seeds."
            .to_owned(),
        n => format!("Means over {n} seeds."),
    };
    format!(
        "A bidirectional teacher learned from the annotated part and labeled the rest; students for streaming learned \
         from both, each trained by {} workers. {seeds}",
        material.workers
    )
}

fn row(system: System, material: &Material<'_>) -> Row {
    let trained: Vec<&Trained> = material.runs.iter().filter_map(|run| run.of(system)).collect();
    let mean = |of: &dyn Fn(&Trained) -> f64| {
        let sum: f64 = trained.iter().map(|trained| of(trained)).sum();
        sum / trained.len().max(1) as f64
    };
    let mut phone_errors = PhoneErrors::default();
    trained.iter().for_each(|trained| phone_errors += trained.evaluation.phones);
    Row {
        name: system.name().to_owned(),
        description: system.description(material.recipe),
        role: match system {
            System::Teacher => Role::Teacher,
            System::Annotated => Role::AnnotatedOnly,
            System::Gtc | System::Bmuf | System::Dense => Role::SemiSupervised,
        },
        strategy: Some(system.strategy().to_owned()),
        runs: trained.iter().map(|trained| rates(trained)).collect(),
        phone_errors: Some(phone_errors),
        word_errors: None,
        wer_interval: None,
        recovery: None,
        dev_wer: None,
        dev_fer: mean_of(trained.iter().map(|trained| trained.train.dev_frame_error)),
        parameters: None,
        frames: trained.first().map(|trained| trained.train.frames),
        seconds: Some(mean(&|trained| trained.train.seconds)),
        bytes_per_frame: Some(mean(&|trained| trained.train.bytes_per_frame)),
        density: mean_of(trained.iter().map(|trained| trained.density.density)),
        hours_per_second: trained.first().and_then(|trained| trained.evaluation.audio_hours_per_s),
    }
}

fn rates(trained: &Trained) -> Rates {
    let super::rates::Rates { fer, fer_speech, per } = trained.rates;
    Rates { fer: Some(fer), fer_speech: Some(fer_speech), per: Some(per), wer: None }
}

/// The mean, if all values are known.
fn mean_of(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.collect::<Option<_>>()?;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Compares each student with the one trained on annotated data only; with several seeds by [`paired`].
fn comparisons(material: &Material<'_>) -> Vec<Comparison> {
    let [run] = material.runs else { return Vec::new() };
    let all = run.systems.iter().flat_map(|trained| {
        trained.evaluation.differences.iter().map(|found| Comparison {
            system: trained.system.name().to_owned(),
            baseline: System::Annotated.name().to_owned(),
            measure: found.measure,
            difference: found.difference,
        })
    });
    all.collect()
}

/// With several seeds, each student's errors by group with those of the one trained on annotated data only, a pair for
/// each seed: the report resamples groups and seeds together.
fn paired(material: &Material<'_>) -> Vec<PairedRuns> {
    if material.runs.len() < 2 {
        return Vec::new();
    }
    let students = System::STUDENTS.into_iter().filter(|system| system.is_semi_supervised());
    let pairs = |system: System| {
        let pair = |run: &SeedRun| {
            let by_group = |system| run.of(system).map(|trained| trained.evaluation.by_group.clone());
            Some((by_group(system)?, by_group(System::Annotated)?))
        };
        let seeds = material.runs.iter().map(pair).collect::<Option<_>>()?;
        let (system, baseline) = (system.name().to_owned(), System::Annotated.name().to_owned());
        Some(PairedRuns { system, baseline, seeds })
    };
    students.filter_map(pairs).collect()
}

fn lines(system: System, curves: &Curves) -> Vec<Curve> {
    let line = |kind, points| Curve { system: system.name().to_owned(), kind, points };
    let dev = (!curves.dev.is_empty()).then(|| line(CurveKind::DevFrameError, curves.dev.clone()));
    let losses =
        curves.loss().map(|(source, points)| line(CurveKind::TrainingLoss(source.name().to_owned()), points));
    dev.into_iter().chain(losses).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::figures::{figures, tests::run};
    use crate::runs::tests::{round, write_events};
    use stentor_evaluate::{Difference, FrameErrors, Measure, MeasuredDifference, Score, Scoreboard};
    use stentor_experiment::Source;

    #[test]
    fn a_report_has_the_rows_curves_and_notes_of_its_demo() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("seed-1");
        write_events(&home.join("gtc"), &[round(0, Source::MachineLabeled, 20, 20, 3.0)]);
        for system in [System::Teacher].into_iter().chain(System::STUDENTS) {
            std::fs::write(home.join(format!("{}.toml", system.name())), "[run]").unwrap();
        }
        let mut runs = [run(1, 50.0)];
        runs[0].systems[2].evaluation.phone_reference = Some(PhoneReference::Frames);
        let difference = Difference {
            baseline: 60.0,
            system: 55.0,
            points: -5.0,
            low: -6.0,
            high: -4.0,
            p_value: 0.001,
            pieces: 40,
            seeds: 1,
        };
        let measured = MeasuredDifference { measure: Measure::SpeechFrames, difference };
        runs[0].systems[2].evaluation.differences.push(measured);
        let material = Material {
            corpus: "game",
            recipe: &Recipe::game(),
            workers: 2,
            sets: &[("annotated", SetSize { utterances: 3, frames: 120_000, frame_ms: 30 })],
            runs: &runs,
            figures: &figures(&runs, 30.0, &PrepareSummary::default()),
            prepared: &PrepareSummary::default(),
            folder: folder.path(),
        };
        let data = data(&material).unwrap();
        let roles: Vec<_> = data.rows.iter().map(|row| (row.name.as_str(), row.role)).collect();
        assert_eq!(roles[..2], [("teacher", Role::Teacher), ("annotated", Role::AnnotatedOnly)]);
        assert_eq!(data.rows[2].fer().unwrap().mean, 50.0);
        assert_eq!(data.rows[2].bytes_per_frame, Some(100.0));
        assert_eq!(data.curves[0].kind, CurveKind::TrainingLoss("machine-labeled".into()));
        assert_eq!(
            (data.comparisons[0].system.as_str(), data.comparisons[0].difference.points),
            ("gtc", -5.0)
        );
        assert_eq!((data.rows[2].density, data.rows[2].dev_fer), (Some(0.1), Some(51.0)));
        assert!(data.paired.is_empty() && data.notes.iter().any(|note| note.contains("left out")));
        assert!(
            data.notes
                .iter()
                .any(|note| note.starts_with("Phones are compared with those of the test set's frames"))
        );
        assert_eq!(data.facts[0].value, "3 utterances, 1.00 h");
        assert_eq!((data.stages.len(), data.memory.len(), data.settings.len()), (4, 3, 5));
    }

    #[test]
    fn with_several_seeds_the_interval_is_drawn_from_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let by_group = |errors: u64| {
            let frames = FrameErrors { frames: 100, errors, speech_frames: 0, speech_errors: 0 };
            let mut board = Scoreboard::default();
            for group in ["a", "b"] {
                board.add(group, Score { frames, ..Score::default() });
            }
            board
        };
        let mut runs = [run(1, 50.0), run(2, 52.0)];
        for (run, gain) in runs.iter_mut().zip([4, 10]) {
            std::fs::create_dir_all(folder.path().join(format!("seed-{}", run.seed))).unwrap();
            for trained in &mut run.systems {
                let toml = format!("seed-{}/{}.toml", run.seed, trained.system.name());
                std::fs::write(folder.path().join(toml), "[run]").unwrap();
                let gain = if trained.system.is_semi_supervised() { gain } else { 0 };
                trained.evaluation.by_group = by_group(50 - gain);
            }
        }
        let material = Material {
            corpus: "game",
            recipe: &Recipe::game(),
            workers: 2,
            sets: &[],
            runs: &runs,
            figures: &figures(&runs, 30.0, &PrepareSummary::default()),
            prepared: &PrepareSummary::default(),
            folder: folder.path(),
        };
        let data = data(&material).unwrap();
        assert!(data.comparisons.is_empty());
        let data = data.compare_seeds();
        let compared: Vec<&str> = data.comparisons.iter().map(|c| c.system.as_str()).collect();
        assert_eq!(compared, ["gtc", "bmuf", "dense"]);
        let found = data.comparisons[0].difference;
        assert_eq!((found.points, found.low, found.high, found.seeds), (-7.0, -10.0, -4.0, 2));
    }
}
