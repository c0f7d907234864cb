//! The data of `report.html`, in the form that `stentor report` reads.

use super::curves::{self, Curves};
use super::experiment_file::System;
use super::figures::{Figures, SeedRun, Trained};
use super::recipe::Recipe;
use super::sets::SetSize;
use super::summaries::PhoneErrors;
use super::test_set::PrepareSummary;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::Path;

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
pub(crate) fn data(material: &Material<'_>) -> Result<Value> {
    let systems = || [System::Teacher].into_iter().chain(System::STUDENTS);
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
            settings.push(json!({ "name": system.name(), "toml": toml }));
        }
    }
    let Figures { seconds, peak_rss_mb: memory, labels, .. } = material.figures;
    let facts = material.sets.iter().map(|(name, size)| json!({ "name": name, "value": size.to_string() }));
    let stages = [
        ("prepare", seconds.prepare),
        ("teacher", seconds.teacher),
        ("label", seconds.label),
        ("students", seconds.students),
    ];
    let programs =
        [("coordinator", memory.coordinator), ("worker", memory.worker), ("labeler", memory.labeler)];
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
    let of_frames = |trained: &Trained| trained.evaluation.phone_reference.as_deref() == Some("frames");
    if systems().flat_map(|system| material.runs.iter().filter_map(move |run| run.of(system))).any(of_frames)
    {
        notes.push(
            "Phones are compared with those that frames of the test set hold, not with all of the alignment's: the set was prepared \
             by an earlier version, and phone error rates come out too low."
                .to_owned(),
        );
    }
    notes.push(
        "Values sent: the share of the parameters that a worker sends in an exchange, mean over all exchanges, the dense ones \
         of GTC's warm-up included. Times and bytes of other densities are those of other training."
            .to_owned(),
    );
    Ok(json!({
        "title": format!("Semi-supervised acoustic models: {}", material.corpus),
        "subtitle": subtitle(material),
        "facts": facts.collect::<Vec<_>>(),
        "rows": systems().map(|system| row(system, material)).collect::<Vec<_>>(),
        "comparisons": comparisons(material),
        "paired": paired(material),
        "curves": curves,
        "stages": stages.map(|(name, seconds)| json!({ "name": name, "seconds": seconds })),
        "memory": programs.map(|(program, peak)| json!({ "program": program, "peak_mb": peak })),
        "settings": settings,
        "notes": notes,
    }))
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

fn row(system: System, material: &Material<'_>) -> Value {
    let trained: Vec<&Trained> = material.runs.iter().filter_map(|run| run.of(system)).collect();
    let mean = |of: &dyn Fn(&Trained) -> f64| {
        let sum: f64 = trained.iter().map(|trained| of(trained)).sum();
        sum / trained.len().max(1) as f64
    };
    let role = match system {
        System::Teacher => "teacher",
        System::Annotated => "annotated-only",
        System::Gtc | System::Bmuf | System::Dense => "semi-supervised",
    };
    let first = trained.first().map(|trained| &trained.evaluation);
    json!({
        "name": system.name(),
        "description": system.description(material.recipe),
        "role": role,
        "strategy": system.strategy(),
        "runs": trained.iter().map(|trained| trained.evaluation.rates).collect::<Vec<_>>(),
        "dev_fer": mean_of(trained.iter().map(|trained| trained.train.dev_frame_error)),
        "density": mean_of(trained.iter().map(|trained| trained.density.density)),
        "phone_errors": trained.iter().map(|trained| trained.evaluation.phones).sum::<PhoneErrors>(),
        "frames": trained.first().map(|trained| trained.train.frames),
        "seconds": mean(&|trained| trained.train.seconds),
        "bytes_per_frame": mean(&|trained| trained.train.bytes_per_frame),
        "hours_per_second": first.and_then(|evaluation| evaluation.audio_hours_per_s),
    })
}

/// The mean, if all values are known.
fn mean_of(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.collect::<Option<_>>()?;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Compares each student with the one trained on annotated data only; with several seeds by [`paired`].
fn comparisons(material: &Material<'_>) -> Vec<Value> {
    let [run] = material.runs else { return Vec::new() };
    let systems = &run.systems;
    let all = systems.iter().flat_map(|trained| {
        trained.evaluation.differences.iter().map(|difference| {
            json!({
                "system": trained.system.name(),
                "baseline": System::Annotated.name(),
                "measure": difference.measure,
                "difference": difference.rest,
            })
        })
    });
    all.collect()
}

/// With several seeds, each student's errors by group with those of the one trained on annotated data only, a pair for
/// each seed: the report resamples groups and seeds together.
fn paired(material: &Material<'_>) -> Vec<Value> {
    if material.runs.len() < 2 {
        return Vec::new();
    }
    let students = System::STUDENTS.into_iter().filter(|system| system.is_semi_supervised());
    let pairs = |system: System| {
        let pair = |run: &SeedRun| {
            let by_group = |system| run.of(system).map(|trained| trained.evaluation.by_group.clone());
            Some([by_group(system)?, by_group(System::Annotated)?])
        };
        let seeds: Option<Vec<_>> = material.runs.iter().map(pair).collect();
        Some(json!({ "system": system.name(), "baseline": System::Annotated.name(), "seeds": seeds? }))
    };
    students.filter_map(pairs).collect()
}

fn lines(system: System, curves: &Curves) -> Vec<Value> {
    let line = |kind: Value, points: &[(f64, f64)]| json!({ "system": system.name(), "kind": kind, "points": points });
    let dev = (!curves.dev.is_empty()).then(|| line(json!("dev-frame-error"), &curves.dev));
    let loss = curves.loss.iter().map(|(source, points)| line(json!({ "training-loss": source }), points));
    dev.into_iter().chain(loss).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::figures::{figures, tests::run};
    use stentor_evaluate::report::{CurveKind, ReportData, Role};

    #[test]
    fn the_data_is_what_the_report_reads() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("seed-1");
        let events = home.join("gtc/events");
        std::fs::create_dir_all(&events).unwrap();
        let round =
            r#"{"event":"round","source":"machine-labeled","committed_frames":20,"loss":3.0,"frames":20}"#;
        std::fs::write(events.join("1.jsonl"), round).unwrap();
        for system in [System::Teacher].into_iter().chain(System::STUDENTS) {
            std::fs::write(home.join(format!("{}.toml", system.name())), "[run]").unwrap();
        }
        let mut runs = [run(1, 50.0)];
        runs[0].systems[2].evaluation.phone_reference = Some("frames".to_owned());
        let difference = r#"{"measure": "speech-frames", "baseline": 60.0, "system": 55.0, "points": -5.0, "low": -6.0,
            "high": -4.0, "p_value": 0.001, "pieces": 40}"#;
        runs[0].systems[2].evaluation.differences.push(serde_json::from_str(difference).unwrap());
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
        let data: ReportData = serde_json::from_value(data(&material).unwrap()).unwrap();
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
        assert!(data.notes.iter().any(|note| note.starts_with("Phones are compared with those that frames")));
        assert_eq!(data.facts[0].value, "3 utterances, 1.00 h");
        assert_eq!((data.stages.len(), data.memory.len(), data.settings.len()), (4, 3, 5));
    }

    #[test]
    fn with_several_seeds_the_interval_is_drawn_from_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let by_group = |errors: u64| {
            let frames = json!({ "frames": 100, "errors": errors, "speech_frames": 0, "speech_errors": 0 });
            let phones = json!({ "reference": 0, "substitutions": 0, "insertions": 0, "deletions": 0 });
            let score = json!({ "frames": frames, "phones": phones });
            json!({ "groups": { "a": score, "b": score } })
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
        let data: ReportData = serde_json::from_value(data(&material).unwrap()).unwrap();
        assert!(data.comparisons.is_empty());
        let data = data.compare_seeds();
        let compared: Vec<&str> = data.comparisons.iter().map(|c| c.system.as_str()).collect();
        assert_eq!(compared, ["gtc", "bmuf", "dense"]);
        let found = data.comparisons[0].difference;
        assert_eq!((found.points, found.low, found.high, found.seeds), (-7.0, -10.0, -4.0, 2));
    }
}
