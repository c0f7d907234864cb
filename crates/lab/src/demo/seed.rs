//! Everything that depends on a seed: the teacher, its labels, the students, and how good they are.

use super::density;
use super::experiment_file::{self, System};
use super::language::{Language, Words};
use super::rates::Rates;
use super::seed_run::{SeedRun, Trained};
use super::senones::Tied;
use super::sets::TIED;
use super::{Call, Demo, summaries};
use crate::journal::Done;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use stentor_evaluate::{Figures as Evaluation, LabelerFigures, RecognitionFigures};
use stentor_runlog::Summary;
use stentor_tasks::create_folder;

/// What all seeds share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) tied: Tied,
    pub(super) words: &'a Words,
}

/// The seed of a run and its folder.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    seed: u64,
    home: &'a Path,
}

/// How a system was evaluated.
#[derive(Debug, Clone, Copy)]
struct Scored {
    evaluated: Done,
    recognised: Option<Done>,
}

impl Place<'_> {
    fn json(self, system: System, step: &str) -> PathBuf {
        self.home.join(format!("{}.{step}.json", system.name()))
    }

    /// The folder of a system's labels of dev and test.
    fn posteriors(self, system: System) -> PathBuf {
        self.home.join(format!("{}.posteriors", system.name()))
    }
}

impl Demo<'_> {
    pub(super) fn seed(&self, seed: u64, ground: Ground<'_>) -> Result<SeedRun> {
        let home = self.folder.join(format!("seed-{seed}"));
        create_folder(&home)?;
        let place = Place { seed, home: &home };
        let Tied { annotated, dev, unannotated, all, .. } = ground.tied;
        let teacher = self.train(System::Teacher, place, &[annotated, dev])?;
        let labeled = self.label(place, &[teacher, unannotated])?;
        let mut systems = vec![self.score(System::Teacher, place, ground, teacher, None)?.0];
        let mut baseline = None;
        for system in System::students(&self.recipe) {
            let trained = match system {
                System::Ceiling => {
                    self.train(system, place, &Vec::from_iter([dev].into_iter().chain(all)))?
                }
                _ if system.is_semi_supervised() => self.train(system, place, &[annotated, dev, labeled])?,
                _ => self.train(system, place, &[annotated, dev])?,
            };
            let (trained, scored) = self.score(system, place, ground, trained, baseline)?;
            // The first one is the baseline that all others are compared with.
            baseline.get_or_insert(scored);
            systems.push(trained);
        }
        let label: LabelerFigures = summaries::read(&home.join("labels.json"))?;
        Ok(SeedRun { seed, systems, label, label_seconds: labeled.seconds })
    }

    fn train(&self, system: System, place: Place<'_>, after: &[Done]) -> Result<Done> {
        let (Place { seed, home }, name) = (place, system.name());
        let toml = experiment_file::toml(system, &self.recipe, seed, self.options.workers);
        let file = home.join(format!("{name}.toml"));
        std::fs::write(&file, &toml).with_context(|| format!("cannot write {}", file.display()))?;
        let mut command = self.stentor("train");
        command.arg(&file).arg("--json").arg(place.json(system, "train"));
        let (step, run) = (format!("seed {seed} train {name}"), home.join(name));
        let call = Call::new(&step, after, &run, command).with(&toml).resuming();
        // Continue with the leftovers of an interrupted call.
        self.call(if run.exists() { call.arg("--resume") } else { call })
    }

    fn label(&self, place: Place<'_>, after: &[Done]) -> Result<Done> {
        let labels = place.home.join("labels");
        let mut command = self.stentor("label");
        command.arg("--model").arg(place.home.join(System::Teacher.name()));
        command.arg("--features").arg(self.set("unannotated")).arg("--out").arg(&labels);
        command.args(["--top-k", &self.recipe.top_k.to_string()]);
        command.arg("--json").arg(place.home.join("labels.json"));
        let step = format!("seed {} label", place.seed);
        self.call(Call::new(&step, after, &labels, command).resuming())
    }

    /// Evaluates a model on the test data, once for each model, and recognises their words.
    fn score(
        &self,
        system: System,
        place: Place<'_>,
        ground: Ground<'_>,
        trained: Done,
        baseline: Option<Scored>,
    ) -> Result<(Trained, Scored)> {
        let Tied { annotated, dev, test, .. } = ground.tied;
        let before = baseline.map(|scored| scored.evaluated);
        let after = Vec::from_iter([trained, annotated, dev, test].into_iter().chain(before));
        let evaluated = self.evaluate(system, place, &after)?;
        let mut recognised = None;
        if let Some(language) = ground.words.language() {
            let before = baseline.and_then(|scored| scored.recognised);
            let after = Vec::from_iter([evaluated, language.done].into_iter().chain(before));
            recognised = Some(self.recognise(system, place, language, &after)?);
        }
        let evaluation: Evaluation = summaries::read(&place.json(system, "evaluate"))?;
        let read = |_| summaries::read(&place.json(system, "recognise"));
        let recognition: Option<RecognitionFigures> = recognised.map(read).transpose()?;
        let rates = Rates::of(&evaluation, recognition.as_ref())
            .with_context(|| format!("the figures of {} in {}", system.name(), place.home.display()))?;
        let train: Summary = summaries::read(&place.json(system, "train"))?;
        let found = Trained {
            system,
            train,
            rates,
            evaluation,
            recognition,
            density: density::read(&place.home.join(system.name()))?,
            seconds: trained.seconds,
            recognise_seconds: recognised.map_or(0.0, |done| done.seconds),
        };
        Ok((found, Scored { evaluated, recognised }))
    }

    fn evaluate(&self, system: System, place: Place<'_>, after: &[Done]) -> Result<Done> {
        let (name, json, labels) = (system.name(), place.json(system, "evaluate"), place.posteriors(system));
        let mut command = self.stentor("evaluate");
        command.arg("--model").arg(place.home.join(name)).arg("--features").arg(self.set("test"));
        command.arg("--train-features").arg(self.set("annotated")).arg("--dev-features").arg(self.set("dev"));
        // Kept, because words are recognised from them.
        command.arg("--labels").arg(labels.join("test")).arg("--dev-labels").arg(labels.join("dev"));
        self.compare(&mut command, system, place, "evaluate");
        command.arg("--json").arg(&json);
        let step = format!("seed {} evaluate {name}", place.seed);
        self.call(Call::new(&step, after, &json, command).clearing(&labels))
    }

    /// Recognises the words of the test data, after the recogniser's scales have been tuned on dev.
    fn recognise(
        &self,
        system: System,
        place: Place<'_>,
        language: &Language,
        after: &[Done],
    ) -> Result<Done> {
        let (name, json, labels) = (system.name(), place.json(system, "recognise"), place.posteriors(system));
        let out = place.home.join(format!("{name}.words"));
        let mut command = self.stentor("recognise");
        // Without the model: its labels are those that the evaluation has kept.
        command.arg("--features").arg(self.set("test")).arg("--labels").arg(labels.join("test"));
        command.arg("--train-features").arg(self.set("annotated"));
        command.arg("--lexicon").arg(&language.lexicon);
        command.args(["--lexicon-format", language.format.key(), "--unknown-phones", "leave-out"]);
        command.arg("--lm").arg(&language.model);
        command.arg("--tune-on").arg(self.set("dev")).arg("--dev-labels").arg(labels.join("dev"));
        self.compare(&mut command, system, place, "recognise");
        command.arg("--out").arg(&out).arg("--json").arg(&json);
        let step = format!("seed {} recognise {name}", place.seed);
        self.call(Call::new(&step, after, &json, command).clearing(&out))
    }

    /// Compares a student with the one that was trained on annotated audio alone.
    fn compare(&self, command: &mut std::process::Command, system: System, place: Place<'_>, step: &str) {
        if !matches!(system, System::Teacher | System::Annotated) {
            command.arg("--baseline").arg(place.json(System::Annotated, step));
        }
    }

    /// The folder of a set with the tree's senones.
    fn set(&self, name: &str) -> PathBuf {
        self.folder.join(TIED).join(name)
    }
}
