//! The experiment files that the demo and `bench convergence` write. A user could write them by hand, and may edit and
//! run them again.

use super::recipe::{Bmuf, Gtc, Recipe, Training};
use super::sets::{TIED, TIED_ALL};
use std::fmt::Write;

/// A model that the demo trains. Its name is used for its folder, its experiment file and its row in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    Teacher,
    /// A student trained on annotated data only.
    Annotated,
    Gtc,
    Bmuf,
    Dense,
    /// A student trained on the annotations of all audio.
    Ceiling,
}

impl System {
    /// The students of a recipe. The first one is the baseline that the others are compared with.
    pub(crate) fn students(recipe: &Recipe) -> impl Iterator<Item = System> + use<> {
        let all = [System::Annotated, System::Gtc, System::Bmuf, System::Dense];
        all.into_iter().chain(recipe.has_ceiling.then_some(System::Ceiling))
    }

    /// The teacher and the students of a recipe.
    pub(crate) fn all(recipe: &Recipe) -> impl Iterator<Item = System> + use<> {
        std::iter::once(System::Teacher).chain(System::students(recipe))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            System::Teacher => "teacher",
            System::Annotated => "annotated",
            System::Gtc => "gtc",
            System::Bmuf => "bmuf",
            System::Dense => "dense",
            System::Ceiling => "ceiling",
        }
    }

    pub(crate) fn strategy(self) -> &'static str {
        match self {
            System::Teacher | System::Annotated | System::Dense | System::Ceiling => "dense",
            System::Gtc => "gtc",
            System::Bmuf => "bmuf",
        }
    }

    /// Whether the model is also trained on the teacher's labels.
    pub(crate) fn is_semi_supervised(self) -> bool {
        matches!(self, System::Gtc | System::Bmuf | System::Dense)
    }

    pub(crate) fn training(self, recipe: &Recipe) -> &Training {
        match self {
            System::Teacher => &recipe.teacher,
            System::Annotated => &recipe.baseline,
            System::Gtc | System::Bmuf | System::Dense => &recipe.student,
            System::Ceiling => &recipe.ceiling,
        }
    }

    /// A short description for the table.
    pub(crate) fn description(self, recipe: &Recipe) -> String {
        let Training { layers, width, bidirectional, .. } = self.training(recipe);
        let family = if *bidirectional { "bidirectional LSTM" } else { "LSTM" };
        let data = match self {
            System::Teacher | System::Annotated => "annotated only",
            System::Gtc | System::Bmuf | System::Dense => "annotated and machine-labeled",
            System::Ceiling => "annotations of all audio",
        };
        format!("{family} {layers} × {width}, {data}")
    }
}

/// The content of an experiment file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contents<'a> {
    /// Name of the run, its folder and its file.
    pub(crate) name: &'a str,
    pub(crate) seed: u64,
    /// The annotated set; all folders are relative to the file, or absolute.
    pub(crate) annotated: &'a str,
    pub(crate) dev: &'a str,
    pub(crate) machine_labeled: Option<MachineLabeled<'a>>,
    pub(crate) training: &'a Training,
    pub(crate) strategy: &'a str,
    pub(crate) gtc: Gtc,
    pub(crate) bmuf: Bmuf,
    /// Maximum number of workers of a group, with two tiers.
    pub(crate) group: Option<u32>,
    pub(crate) workers: u32,
}

/// Unannotated audio with the teacher's labels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MachineLabeled<'a> {
    pub(crate) unannotated: &'a str,
    pub(crate) labels: &'a str,
}

/// The experiment file for a system. Folders are relative to the file: the sets in the folder above and, beside the file, the
/// labels.
pub(crate) fn toml(system: System, recipe: &Recipe, seed: u64, workers: u32) -> String {
    text(&Contents {
        name: system.name(),
        seed,
        annotated: &format!("../{}/annotated", if system == System::Ceiling { TIED_ALL } else { TIED }),
        dev: &format!("../{TIED}/dev"),
        machine_labeled: system
            .is_semi_supervised()
            .then_some(MachineLabeled { unannotated: &format!("../{TIED}/unannotated"), labels: "labels" }),
        training: system.training(recipe),
        strategy: system.strategy(),
        gtc: recipe.gtc,
        bmuf: recipe.bmuf,
        group: None,
        workers,
    })
}

/// The text of the file.
pub(crate) fn text(contents: &Contents<'_>) -> String {
    let Contents { name, seed, annotated, dev, training, strategy, gtc, bmuf, group, workers, .. } =
        *contents;
    let machine_labeled = contents
        .machine_labeled
        .map(|MachineLabeled { unannotated, labels }| {
            format!("unannotated = \"{unannotated}\"\nlabels = \"{labels}\"\n")
        })
        .unwrap_or_default();
    let two_tier = group.map(|group| format!("[exchange.two_tier]\ngroup = {group}\n\n")).unwrap_or_default();
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        r#"[run]
name = "{name}"
seed = {seed}
output = "{name}"

[data]
annotated = "{annotated}"
dev = "{dev}"
{machine_labeled}
[model]
layers = {layers}
width = {width}
bidirectional = {bidirectional}
dropout = {dropout:?}

[batch]
chunk_frames = {chunk_frames}
left_context = {left_context}
right_context = {right_context}
chunks = {chunks}
unit_batches = {unit_batches}

[schedule]
passes = {passes}
annotated_passes = {annotated_passes}
sub_epoch_batches = {sub_epoch_batches}
learning_rate = {learning_rate:?}
final_fraction = {final_fraction:?}
annotated_multiplier = {annotated_multiplier:?}
patience = {patience}

[exchange]
strategy = "{strategy}"

[exchange.gtc]
density = {density:?}
warmup_dense = {warmup_dense:?}
warmup_falling = {warmup_falling:?}

[exchange.bmuf]
block = {block}

{two_tier}[cluster]
workers = {workers}

[checkpoint]
count = {checkpoints}
"#,
        layers = training.layers,
        width = training.width,
        bidirectional = training.bidirectional,
        dropout = training.dropout,
        chunk_frames = training.chunk_frames,
        left_context = training.left_context,
        right_context = training.right_context,
        chunks = training.chunks,
        unit_batches = training.unit_batches,
        passes = training.passes,
        annotated_passes = training.annotated_passes,
        sub_epoch_batches = training.sub_epoch_batches,
        learning_rate = training.learning_rate,
        final_fraction = training.final_fraction,
        annotated_multiplier = training.annotated_multiplier,
        patience = training.patience,
        checkpoints = training.checkpoints,
        density = gtc.density,
        warmup_dense = gtc.warmup_dense,
        warmup_falling = gtc.warmup_falling,
        block = bmuf.block,
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_experiment::Experiment;

    #[test]
    fn every_file_of_every_recipe_is_a_valid_experiment() {
        for recipe in [Recipe::game(), Recipe::full(), Recipe::quick(), Recipe::game().scaled(1, 1)] {
            for system in System::all(&recipe) {
                let experiment = Experiment::parse(&toml(system, &recipe, 7, 2)).unwrap();
                assert_eq!(experiment.run.name, system.name());
                assert_eq!(experiment.run.seed, 7);
                assert_eq!(experiment.exchange.strategy.name(), system.strategy());
                assert_eq!(experiment.data.labels.is_some(), system.is_semi_supervised());
                assert_eq!(experiment.data.annotated.contains("tied-all"), system == System::Ceiling);
                assert_eq!(!experiment.model.architecture.streams(), system == System::Teacher);
                assert_eq!(experiment.schedule.passes, system.training(&recipe).passes);
                assert_eq!(experiment.checkpoint.count, system.training(&recipe).checkpoints);
            }
        }
    }

    #[test]
    fn the_three_strategies_differ_only_in_the_exchange() {
        let recipe = Recipe::game();
        let file = |system: System| {
            toml(system, &recipe, 1, 2).replace(&format!("\"{}\"", system.name()), "\"NAME\"")
        };
        assert_eq!(file(System::Gtc), file(System::Dense));
        assert_eq!(file(System::Bmuf), file(System::Dense));
    }
}
