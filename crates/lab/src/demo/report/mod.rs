//! The data of `report.html`, which `stentor report` reads.

mod clips;
mod examples;
mod notes;

use super::curves::{self, Curves};
use super::experiment_file::System;
use super::figures::Figures;
use super::language::Words;
use super::recipe::Recipe;
use super::seed_run::{BOOTSTRAP_SEED, RESAMPLES, SeedRun, Trained, recovery};
use super::sets::SetSize;
use super::test_set::PrepareSummary;
use anyhow::{Context, Result};
use clips::Clips;
use examples::{Examples, examples};
use std::path::Path;
use stentor_evaluate::report::{
    Comparison, Curve, CurveKind, Fact, Memory, Rates, Recognition, ReportData, Role, Row, Settings, Stage,
};
use stentor_evaluate::words::WordErrors;
use stentor_evaluate::{Measure, MeasuredDifference, PairedRuns, PhoneErrors, Scoreboard, rate_interval};

/// The input of the report.
#[derive(Debug)]
pub(crate) struct Material<'a> {
    /// Name of the corpus.
    pub(crate) corpus: &'a str,
    /// The folder of the corpus.
    pub(crate) audio: &'a Path,
    pub(crate) recipe: &'a Recipe,
    pub(crate) workers: u32,
    /// Names and sizes of the sets.
    pub(crate) sets: &'a [(&'static str, SetSize)],
    /// Number of senones.
    pub(crate) senones: u64,
    pub(crate) words: &'a Words,
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
        for system in System::all(material.recipe) {
            curves.extend(lines(system, &curves::read(&folder.join(system.name()))?));
        }
    }
    if let Some(run) = material.runs.first() {
        for system in System::all(material.recipe) {
            let path = material.folder.join(format!("seed-{}/{}.toml", run.seed, system.name()));
            let toml =
                std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            settings.push(Settings { name: system.name().to_owned(), toml });
        }
    }
    let Figures { seconds, peak_rss_mb: memory, .. } = material.figures;
    let stage = |(name, seconds): (&str, f64)| Stage { name: name.to_owned(), seconds };
    let words = |stage| material.words.language().map(|_| stage);
    let stages = [
        Some(("prepare", seconds.prepare)),
        Some(("senones", seconds.senones)),
        words(("language model", seconds.language)),
        Some(("teacher", seconds.teacher)),
        Some(("label", seconds.label)),
        Some(("students", seconds.students)),
        words(("recognise", seconds.recognise)),
    ];
    let peak = |(program, peak_mb): (&str, f64)| Memory { program: program.to_owned(), peak_mb };
    let programs =
        [("coordinator", memory.coordinator), ("worker", memory.worker), ("labeler", memory.labeler)];
    Ok(ReportData {
        title: format!("Semi-supervised acoustic models: {}", material.corpus),
        subtitle: notes::subtitle(material),
        facts: facts(material),
        rows: System::all(material.recipe).map(|system| row(system, material)).collect(),
        comparisons: comparisons(material),
        paired: paired(material),
        recognition: recognition(material),
        curves,
        stages: stages.into_iter().flatten().map(stage).collect(),
        memory: programs.map(peak).into(),
        settings,
        notes: notes::notes(material),
    })
}

fn facts(material: &Material<'_>) -> Vec<Fact> {
    let set = |(name, size): &(&str, SetSize)| Fact { name: (*name).to_owned(), value: size.to_string() };
    let tied = format!("{}, states of triphones tied by a tree of the annotated part", material.senones);
    let senones = Fact { name: "senones".to_owned(), value: tied };
    material.sets.iter().map(set).chain([senones]).collect()
}

/// What words were recognised with, and a dozen utterances of the first seed with their sound.
fn recognition(material: &Material<'_>) -> Option<Recognition> {
    let (language, run) = (material.words.language()?, material.runs.first()?);
    // The corpus was read when it was prepared; a report without sound is better than none.
    let clips = Clips::of(material.audio).inspect_err(warn).ok();
    let clip = |id: &str| clips.as_ref()?.clip(id).inspect_err(warn).ok().flatten();
    let Examples { choice, examples } = examples(run, clip);
    Some(Recognition { facts: notes::recognised_with(language, material), choice, examples })
}

fn warn(error: &anyhow::Error) {
    eprintln!("warning: the report has no sound of an utterance: {error:#}");
}

fn row(system: System, material: &Material<'_>) -> Row {
    let trained: Vec<&Trained> = material.runs.iter().filter_map(|run| run.of(system)).collect();
    let mean = |of: &dyn Fn(&Trained) -> f64| {
        let sum: f64 = trained.iter().map(|trained| of(trained)).sum();
        sum / trained.len().max(1) as f64
    };
    let mut phone_errors = PhoneErrors::default();
    trained.iter().for_each(|trained| phone_errors += trained.evaluation.phones);
    // Of all seeds, or of none.
    let words: Option<Vec<&Scoreboard>> = trained.iter().map(|trained| trained.words()).collect();
    let words = words.filter(|boards| !boards.is_empty());
    Row {
        name: system.name().to_owned(),
        description: system.description(material.recipe),
        role: match system {
            System::Teacher => Role::Teacher,
            System::Annotated => Role::AnnotatedOnly,
            System::Gtc | System::Bmuf | System::Dense => Role::SemiSupervised,
            System::Ceiling => Role::Ceiling,
        },
        strategy: Some(system.strategy().to_owned()),
        runs: trained.iter().map(|trained| rates(trained)).collect(),
        phone_errors: Some(phone_errors),
        word_errors: words.as_ref().map(|boards| {
            let mut sum = WordErrors::default();
            boards.iter().for_each(|board| sum += board.total().words);
            sum
        }),
        wer_interval: words
            .and_then(|boards| rate_interval(&boards, Measure::Words, RESAMPLES, BOOTSTRAP_SEED)),
        recovery: recovery(material.runs, system),
        dev_wer: mean_of(trained.iter().map(|trained| trained.rates.dev_wer)),
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
    let super::rates::Rates { fer, fer_speech, per, wer, .. } = trained.rates;
    Rates { fer: Some(fer), fer_speech: Some(fer_speech), per: Some(per), wer }
}

/// The mean, if all values are known.
fn mean_of(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.collect::<Option<_>>()?;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Compares each student with the one trained on annotated data only; with several seeds by [`paired`].
fn comparisons(material: &Material<'_>) -> Vec<Comparison> {
    let [run] = material.runs else { return Vec::new() };
    let of_system = |trained: &'_ Trained| {
        let words = trained.recognition.iter().flat_map(|found| &found.differences);
        let all = trained.evaluation.differences.iter().chain(words);
        let compare = |found: &MeasuredDifference| Comparison {
            system: trained.system.name().to_owned(),
            baseline: System::Annotated.name().to_owned(),
            measure: found.measure,
            difference: found.difference,
        };
        all.map(compare).collect::<Vec<_>>()
    };
    run.systems.iter().flat_map(of_system).collect()
}

/// With several seeds, each student's errors by group with those of the one trained on annotated data only, a pair for
/// each seed: the report resamples groups and seeds together. Words have boards of their own, because utterances without an
/// alignment have words, too.
fn paired(material: &Material<'_>) -> Vec<PairedRuns> {
    if material.runs.len() < 2 {
        return Vec::new();
    }
    let pairs = |system: System, board: fn(&Trained) -> Option<&Scoreboard>| {
        let pair = |run: &SeedRun| {
            let of = |system| run.of(system).and_then(board).cloned();
            Some((of(system)?, of(System::Annotated)?))
        };
        let seeds = material.runs.iter().map(pair).collect::<Option<_>>()?;
        let (system, baseline) = (system.name().to_owned(), System::Annotated.name().to_owned());
        Some(PairedRuns { system, baseline, seeds })
    };
    let students = System::students(material.recipe).filter(|system| *system != System::Annotated);
    let of_system =
        |system| [pairs(system, |trained| Some(&trained.evaluation.by_group)), pairs(system, Trained::words)];
    students.flat_map(of_system).flatten().collect()
}

fn lines(system: System, curves: &Curves) -> Vec<Curve> {
    let line = |kind, points| Curve { system: system.name().to_owned(), kind, points };
    let dev = (!curves.dev.is_empty()).then(|| line(CurveKind::DevFrameError, curves.dev.clone()));
    let losses =
        curves.loss().map(|(source, points)| line(CurveKind::TrainingLoss(source.name().to_owned()), points));
    dev.into_iter().chain(losses).collect()
}

#[cfg(test)]
mod tests;
