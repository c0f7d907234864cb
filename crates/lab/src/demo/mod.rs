//! `cargo xtask demo`: the main job, end to end, on real recorded speech. Every step is one command of `stentor`,
//! which is printed when it runs. This module only decides which commands to run, keeps finished results, and collects
//! the figures.

mod call;
pub(crate) mod check;
pub(crate) mod curves;
pub(crate) mod density;
pub(crate) mod experiment_file;
mod figures;
mod language;
mod options;
mod rates;
pub(crate) mod recipe;
mod report;
mod seed;
mod seed_run;
mod senones;
pub(crate) mod sets;
pub(crate) mod summaries;
mod test_set;

use crate::corpora;
use crate::journal::{Done, Journal};
use anyhow::{Context, Result, ensure};
use call::Call;
use figures::{Before, Figures};
use indicatif::FormattedDuration;
use recipe::Recipe;
use report::Material;
use seed::Ground;
use sets::{SetSize, TIED_ALL};
use std::path::{Path, PathBuf};
use std::time::Instant;
use stentor_tasks::options::demo::Options;
use stentor_tasks::process::{self, Deadline};
use stentor_tasks::progress;
use stentor_tasks::{Environment, remove_folder};
use test_set::PrepareSummary;

/// The folder of [`Preparation::ALL`], in the demo's folder.
const DATA_ALL: &str = "data-all";

/// The split of the data has a separate seed, so that several training seeds are tested on the same data.
const SPLIT_SEED: u64 = 1;

/// A call of `stentor prepare`. Both make the same split.
#[derive(Clone, Copy)]
struct Preparation {
    step: &'static str,
    folder: &'static str,
    json: &'static str,
    /// An argument that the other one does not have.
    argument: Option<&'static str>,
}

impl Preparation {
    /// A part of the audio is annotated.
    const PART: Self = Self { step: "prepare", folder: "data", json: "prepare.json", argument: None };
    /// All audio with a text is annotated, except for dev and test: for the ceiling.
    const ALL: Self = Self {
        step: "prepare all",
        folder: DATA_ALL,
        json: "prepare-all.json",
        argument: Some("--annotate-all"),
    };
}

/// A demo that is running.
struct Demo<'a> {
    environment: &'a Environment,
    options: &'a Options,
    recipe: Recipe,
    /// The demo's folder, absolute.
    folder: PathBuf,
    journal: Journal,
    /// The folder with the programs.
    programs: PathBuf,
}

/// Runs the demo, prints the table and returns the figures.
pub(crate) fn run(environment: &Environment, programs: &Path, options: &Options) -> Result<Figures> {
    if let Some(corpus) = options.fetched() {
        corpora::make(environment, corpus)?;
    }
    let mut demo = Demo::new(environment, options, programs.to_owned())?;
    let start = Instant::now();
    let figures = demo.run()?;
    eprintln!("\nThis run of the demo took {}.", FormattedDuration(start.elapsed()));
    Ok(figures)
}

impl<'a> Demo<'a> {
    fn new(environment: &'a Environment, options: &'a Options, programs: PathBuf) -> Result<Self> {
        let out = options.out(&environment.root);
        let folder =
            std::path::absolute(&out).with_context(|| format!("{} is not a folder", out.display()))?;
        if options.fresh && folder.join("steps").is_dir() {
            remove_folder(&folder)?;
        }
        let journal = Journal::open(&folder)?;
        Ok(Self { environment, options, recipe: options::recipe(options.size()), folder, journal, programs })
    }

    fn run(&mut self) -> Result<Figures> {
        options::check_files(self.options)?;
        let prepared = self.prepare(Preparation::PART)?;
        let mut sets = self.sets()?;
        if self.options.corpus.is_some() {
            self.recipe = self.recipe.scaled(frames(&sets, "annotated"), frames(&sets, "unannotated"));
        }
        let all = if self.recipe.has_ceiling { Some(self.prepare(Preparation::ALL)?) } else { None };
        let tied = self.tie(prepared, all)?;
        if all.is_some() {
            sets.push(("annotated, ceiling", sets::size(&self.folder.join(TIED_ALL).join("annotated"))?));
        }
        let words = self.language(prepared)?;
        let ground = Ground { tied, words: &words };
        let seeds = self.options.training_seeds();
        let runs = seeds.map(|seed| self.seed(seed, ground)).collect::<Result<Vec<_>>>()?;
        let summary: PrepareSummary = summaries::read(&self.folder.join(Preparation::PART.json))?;
        let before = Before {
            prepare: prepared.seconds + all.map_or(0.0, |all| all.seconds),
            senones: tied.seconds,
            language: words.language().map_or(0.0, |language| language.seconds),
        };
        let figures = figures::figures(&runs, before, &summary);
        self.conclude(&Material {
            corpus: &self.options.corpus_name(),
            audio: &options::corpus_folder(self.options, self.environment)?,
            recipe: &self.recipe,
            workers: self.options.workers,
            sets: &sets,
            senones: tied.senones,
            words: &words,
            runs: &runs,
            figures: &figures,
            prepared: &summary,
            folder: &self.folder,
        })?;
        Ok(figures)
    }

    fn prepare(&self, preparation: Preparation) -> Result<Done> {
        let Preparation { step, folder, json, argument } = preparation;
        let Options { phones, annotated, dev, test, .. } = self.options;
        let corpus = options::corpus_folder(self.options, self.environment)?;
        let data = self.folder.join(folder);
        let mut command = self.stentor("prepare");
        command.arg("--corpus").arg(&corpus).arg("--out").arg(&data);
        match phones {
            Some(phones) => command.arg("--phones").arg(options::file(phones, "--phones")?),
            None => command.arg("--aligner").arg(self.environment.aligner()),
        };
        command.args(["--annotated", &annotated.unwrap_or(self.recipe.annotated).to_string()]);
        command.args(["--dev", &dev.unwrap_or(self.recipe.dev).to_string()]);
        command.args(["--test", &test.unwrap_or(self.recipe.test).to_string()]);
        command.args(argument);
        // The folder belongs to the demo, so it may be replaced.
        command.args(["--seed", &SPLIT_SEED.to_string(), "--replace"]);
        command.args(["--shard-frames", &self.recipe.shard_frames.to_string()]);
        command.arg("--json").arg(self.folder.join(json));
        self.call(Call::new(step, &[], &data, command).resuming())
    }

    /// Writes the figures and the report, and prints the table.
    fn conclude(&self, material: &Material<'_>) -> Result<()> {
        let mut files = vec![self.folder.join("figures.json")];
        files.extend(self.options.json.clone());
        for file in files {
            let text = serde_json::to_string_pretty(material.figures).context("figures are plain numbers")?;
            std::fs::write(&file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
        }
        let (data, page) = (self.folder.join("report.json"), self.folder.join("report.html"));
        let text =
            serde_json::to_string_pretty(&report::data(material)?).context("a report is plain JSON")?;
        std::fs::write(&data, text).with_context(|| format!("cannot write {}", data.display()))?;
        let mut command = self.stentor("report");
        command.arg("--data").arg(&data).arg("--out").arg(&page);
        progress::step("report", || process::run(&mut command, Deadline::minutes(2)))
    }

    fn sets(&self) -> Result<Vec<(&'static str, SetSize)>> {
        let size = |name: &'static str| {
            let size = sets::size(&self.folder.join("data").join(name))?;
            ensure!(
                size.frames > 0,
                "the part `{name}` of the data is empty: the corpus is too small for these shares, or nothing aligned"
            );
            Ok((name, size))
        };
        ["annotated", "unannotated", "dev", "test"].into_iter().map(size).collect()
    }
}

fn frames(sets: &[(&'static str, SetSize)], name: &str) -> u64 {
    sets.iter().find(|(set, _)| *set == name).map_or(0, |(_, size)| size.frames)
}

#[cfg(test)]
mod tests;
