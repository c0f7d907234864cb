//! Senones with context: a tree that is grown from the annotated part alone, and the sets that get its senones.

use super::sets::{TIED, TIED_ALL};
use super::{Call, DATA_ALL, Demo, summaries};
use crate::journal::Done;
use crate::runs;
use anyhow::Result;
use serde::Deserialize;
use std::path::Path;

/// Senones: states of triphones, tied by a tree that is grown from the annotated part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tying {
    /// Most senones.
    pub(crate) leaves: u32,
    /// Fewest frames of a senone that a split makes.
    pub(crate) min_frames: u32,
    pub(crate) states: States,
    /// Where neighbours are looked for; always across words with alignments that have no words.
    pub(crate) context: Context,
}

/// The states of every phone, as `stentor senones grow --states` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "a recipe may choose any of them")]
pub(crate) enum States {
    Single,
    FirstThenRest,
    Thirds,
}

impl States {
    pub(crate) fn key(self) -> &'static str {
        match self {
            States::Single => "single",
            States::FirstThenRest => "first-then-rest",
            States::Thirds => "thirds",
        }
    }

    /// Number of states of a phone.
    pub(crate) fn count(self) -> u32 {
        match self {
            States::Single => 1,
            States::FirstThenRest => 2,
            States::Thirds => 3,
        }
    }
}

/// Where the neighbours of a phone are looked for, as `stentor senones grow --context` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    WithinWords,
    AcrossWords,
}

impl Context {
    pub(crate) fn key(self) -> &'static str {
        match self {
            Context::WithinWords => "within-words",
            Context::AcrossWords => "across-words",
        }
    }
}

/// The sets with the tree's senones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tied {
    pub(super) annotated: Done,
    pub(super) dev: Done,
    pub(super) test: Done,
    pub(super) unannotated: Done,
    /// The set in which all audio is annotated, for the ceiling.
    pub(super) all: Option<Done>,
    /// Number of senones.
    pub(super) senones: u64,
    /// For tree and sets together.
    pub(super) seconds: f64,
}

/// The keys of `stentor senones grow --json` that are used here.
#[derive(Debug, Deserialize)]
struct Grown {
    senones: u64,
}

impl Demo<'_> {
    /// Grows the tree and gives all sets its senones. `all`: the preparation in which all audio is annotated.
    pub(super) fn tie(&self, prepared: Done, all: Option<Done>) -> Result<Tied> {
        let data = self.folder.join("data");
        let (tree, json) = (self.folder.join("senones.tree"), self.folder.join("senones.json"));
        let Tying { min_frames, states, .. } = self.recipe.tying;
        let mut command = self.stentor("senones");
        command.arg("grow").arg("--features").arg(data.join("annotated")).arg("--out").arg(&tree);
        command.args(["--leaves", &self.leaves(&data.join("annotated"))?.to_string()]);
        command.args(["--min-frames", &min_frames.to_string()]);
        command.args(["--states", states.key(), "--context", self.context().key()]);
        command.arg("--json").arg(&json);
        let grown = self.call(Call::new("senones grow", &[prepared], &tree, command))?;
        let apply = |name: &str, from: &str, to: &str, set: &str, prepared: Done| {
            let out = self.folder.join(to).join(set);
            let mut command = self.stentor("senones");
            command.arg("apply").arg("--tree").arg(&tree);
            command.arg("--features").arg(self.folder.join(from).join(set)).arg("--out").arg(&out);
            // Only all audio together may have a phone that the annotated part, and so the tree, does not have.
            command.args((to == TIED_ALL).then_some(["--unknown-phones", "leave-out"]).into_iter().flatten());
            self.call(Call::new(&format!("senones apply {name}"), &[grown, prepared], &out, command))
        };
        let of = |set: &str| apply(set, "data", TIED, set, prepared);
        let (annotated, dev, test, unannotated) =
            (of("annotated")?, of("dev")?, of("test")?, of("unannotated")?);
        let all = all.map(|prepared| apply("all", DATA_ALL, TIED_ALL, "annotated", prepared)).transpose()?;
        let Grown { senones } = summaries::read(&json)?;
        let done = [grown, annotated, dev, test, unannotated];
        let seconds = done.iter().chain(&all).map(|done| done.seconds).sum();
        Ok(Tied { annotated, dev, test, unannotated, all, senones, seconds })
    }

    /// Most senones: those of the recipe, and at least one for each state of each phone, because another corpus may have more
    /// phones.
    fn leaves(&self, annotated: &Path) -> Result<u64> {
        let Tying { leaves, states, .. } = self.recipe.tying;
        let phones = runs::features(annotated)?.senones.phones().len() as u64;
        Ok(u64::from(leaves).max(phones * u64::from(states.count())))
    }

    /// Alignments of a CTM file have phones without words, so that no neighbour is known to be in the same word.
    fn context(&self) -> Context {
        match self.options.phones {
            Some(_) => Context::AcrossWords,
            None => self.recipe.tying.context,
        }
    }
}
