//! `cargo xtask demo`: the main job, end to end, on real recorded speech. Every step is one command of `stentor`,
//! which is printed when it runs. This module only decides which commands to run, keeps finished results, and collects
//! the figures.

pub(crate) mod check;
pub(crate) mod curves;
pub(crate) mod density;
pub(crate) mod experiment_file;
mod figures;
mod options;
mod rates;
pub(crate) mod recipe;
mod report;
mod sets;
pub(crate) mod summaries;
mod test_set;

use crate::corpora;
use crate::journal::{Done, Journal, Leftovers, Step};
use anyhow::{Context, Result, ensure};
use experiment_file::System;
use figures::{Figures, SeedRun, Trained};
use indicatif::FormattedDuration;
use rates::Rates;
use recipe::Recipe;
use sets::SetSize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use stentor_evaluate::{Figures as Evaluation, LabelerFigures};
use stentor_runlog::Summary;
use stentor_tasks::options::demo::Options;
use stentor_tasks::process::{self, Deadline};
use stentor_tasks::progress;
use stentor_tasks::{Environment, create_folder, remove_folder};
use test_set::PrepareSummary;

/// The split of the data has a separate seed, so that several training seeds are tested on the same data.
const SPLIT_SEED: u64 = 1;

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
        let prepared = self.prepare()?;
        let sets = self.sets()?;
        if self.options.corpus.is_some() {
            self.recipe = self.recipe.scaled(frames(&sets, "annotated"), frames(&sets, "unannotated"));
        }
        let seeds = 1..=self.options.seeds();
        let runs = seeds.map(|seed| self.seed(seed, prepared)).collect::<Result<Vec<_>>>()?;
        let summary: PrepareSummary = summaries::read(&self.folder.join("prepare.json"))?;
        let figures = figures::figures(&runs, prepared.seconds, &summary);
        self.conclude(&figures, &runs, &sets, &summary)?;
        Ok(figures)
    }

    fn prepare(&self) -> Result<Done> {
        let Options { phones, annotated, dev, test, .. } = self.options;
        let corpus = options::corpus_folder(self.options, self.environment)?;
        let data = self.folder.join("data");
        let mut command = self.stentor("prepare");
        command.arg("--corpus").arg(&corpus).arg("--out").arg(&data);
        match phones {
            Some(phones) => command.arg("--phones").arg(phones),
            None => command.arg("--aligner").arg(self.environment.aligner()),
        };
        command.args(["--annotated", &annotated.unwrap_or(self.recipe.annotated).to_string()]);
        command.args(["--dev", &dev.unwrap_or(self.recipe.dev).to_string()]);
        command.args(["--test", &test.unwrap_or(self.recipe.test).to_string()]);
        // The folder belongs to the demo, so it may be replaced.
        command.args(["--seed", &SPLIT_SEED.to_string(), "--replace"]);
        command.args(["--shard-frames", &self.recipe.shard_frames.to_string()]);
        command.arg("--json").arg(self.folder.join("prepare.json"));
        let inputs = arguments(&command);
        self.step("prepare", inputs, &data, Leftovers::Resume, command)
    }

    /// Everything that depends on a seed: the teacher, its labels, the students.
    fn seed(&self, seed: u64, prepared: Done) -> Result<SeedRun> {
        let home = self.folder.join(format!("seed-{seed}"));
        create_folder(&home)?;
        let teacher = self.train(System::Teacher, seed, &home, prepared)?;
        let json = home.join("labels.json");
        let labels = home.join("labels");
        let mut command = self.stentor("label");
        command
            .arg("--model")
            .arg(home.join("teacher"))
            .arg("--features")
            .arg(self.folder.join("data/unannotated"));
        command
            .arg("--out")
            .arg(&labels)
            .args(["--top-k", &self.recipe.top_k.to_string()])
            .arg("--json")
            .arg(&json);
        let inputs = format!("{}\nafter {}", arguments(&command), teacher.token);
        let labeled =
            self.step(&format!("seed {seed} label"), inputs, &labels, Leftovers::Resume, command)?;
        let mut systems = vec![self.evaluate(System::Teacher, seed, &home, teacher, None)?.0];
        let mut baseline = None;
        for system in System::STUDENTS {
            let after = if system.is_semi_supervised() { labeled } else { prepared };
            let trained = self.train(system, seed, &home, after)?;
            let (trained, done) = self.evaluate(system, seed, &home, trained, baseline)?;
            // The first one is the baseline that all others are compared with.
            baseline.get_or_insert(done);
            systems.push(trained);
        }
        let label: LabelerFigures = summaries::read(&json)?;
        Ok(SeedRun { seed, systems, label, label_seconds: labeled.seconds })
    }

    fn train(&self, system: System, seed: u64, home: &Path, after: Done) -> Result<Done> {
        let name = system.name();
        let toml = experiment_file::toml(system, &self.recipe, seed, self.options.workers);
        let file = home.join(format!("{name}.toml"));
        std::fs::write(&file, &toml).with_context(|| format!("cannot write {}", file.display()))?;
        let mut command = self.stentor("train");
        command.arg(&file).arg("--json").arg(home.join(format!("{name}.train.json")));
        let inputs = format!("{}\n{toml}\nafter {}", arguments(&command), after.token);
        let run = home.join(name);
        // Continue with the leftovers of an interrupted call.
        if run.exists() {
            command.arg("--resume");
        }
        self.step(&format!("seed {seed} train {name}"), inputs, &run, Leftovers::Resume, command)
    }

    /// Evaluates a model on the test data, once for each model.
    fn evaluate(
        &self,
        system: System,
        seed: u64,
        home: &Path,
        trained: Done,
        baseline: Option<Done>,
    ) -> Result<(Trained, Done)> {
        let name = system.name();
        let json = |system: System| home.join(format!("{}.evaluate.json", system.name()));
        let data = self.folder.join("data");
        let mut command = self.stentor("evaluate");
        command.arg("--model").arg(home.join(name)).arg("--features").arg(data.join("test"));
        command
            .arg("--train-features")
            .arg(data.join("annotated"))
            .arg("--dev-features")
            .arg(data.join("dev"));
        if baseline.is_some() {
            command.arg("--baseline").arg(json(System::Annotated));
        }
        command.arg("--json").arg(json(system));
        let before = baseline.map_or(0, |done| done.token);
        let inputs = format!("{}\nafter {} and {before}", arguments(&command), trained.token);
        let title = format!("seed {seed} evaluate {name}");
        let done = self.step(&title, inputs, &json(system), Leftovers::Discard, command)?;
        let train: Summary = summaries::read(&home.join(format!("{name}.train.json")))?;
        let evaluation: Evaluation = summaries::read(&json(system))?;
        let density = density::read(&home.join(name))?;
        let rates =
            Rates::of(&evaluation).with_context(|| format!("{} lacks a figure", json(system).display()))?;
        Ok((Trained { system, train, rates, evaluation, density, seconds: trained.seconds }, done))
    }

    /// Writes the figures and the report, and prints the table.
    fn conclude(
        &self,
        figures: &Figures,
        runs: &[SeedRun],
        sets: &[(&'static str, SetSize)],
        prepared: &PrepareSummary,
    ) -> Result<()> {
        let mut files = vec![self.folder.join("figures.json")];
        files.extend(self.options.json.clone());
        for file in files {
            let text = serde_json::to_string_pretty(figures).context("figures are plain numbers")?;
            std::fs::write(&file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
        }
        let material = report::Material {
            corpus: &self.options.corpus_name(),
            recipe: &self.recipe,
            workers: self.options.workers,
            sets,
            runs,
            figures,
            prepared,
            folder: &self.folder,
        };
        let (data, page) = (self.folder.join("report.json"), self.folder.join("report.html"));
        let text =
            serde_json::to_string_pretty(&report::data(&material)?).context("a report is plain JSON")?;
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

    fn stentor(&self, subcommand: &str) -> Command {
        let mut command = Command::new(self.programs.join("stentor"));
        command.arg(subcommand).current_dir(&self.environment.root);
        // Progress bars and tables are sufficient, unless the user asks for more.
        if std::env::var_os("STENTOR_LOG").is_none() {
            command.env("STENTOR_LOG", "warn");
        }
        command
    }

    fn step(
        &self,
        name: &str,
        inputs: String,
        output: &Path,
        leftovers: Leftovers,
        mut command: Command,
    ) -> Result<Done> {
        let deadline = options::deadline(self.options.size());
        self.journal.step(&Step { name, inputs, output, leftovers }, || {
            eprintln!("   stentor {}", arguments(&command));
            process::run(&mut command, deadline)
        })
    }
}

fn frames(sets: &[(&'static str, SetSize)], name: &str) -> u64 {
    sets.iter().find(|(set, _)| *set == name).map_or(0, |(_, size)| size.frames)
}

/// The command line without the program's path.
fn arguments(command: &Command) -> String {
    command.get_args().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
