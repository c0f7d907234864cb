//! `stentor senones`: senones with context, from the phones of annotated utterances.

mod apply;
mod grow;
mod phones;
mod report;
pub(crate) mod words;

#[cfg(test)]
mod tests;

use crate::in_file;
use anyhow::{Context, Result};
use clap::Subcommand;
use std::path::Path;
use stentor_senones::Tree;

/// What is done with senones.
#[derive(Debug, Subcommand)]
pub(crate) enum Senones {
    /// Grow a tying tree from annotated speech: it maps each state of each triphone to a senone.
    Grow(grow::Args),
    /// Copy a feature set, with the senones of a tying tree.
    Apply(apply::Args),
}

pub(crate) fn run(senones: &Senones) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the I/O runtime")?;
    match senones {
        Senones::Grow(arguments) => runtime.block_on(grow::run(arguments)),
        Senones::Apply(arguments) => runtime.block_on(apply::run(arguments)),
    }
}

/// Reads a tree from a file.
fn read_tree(path: &Path) -> Result<Tree> {
    let bytes = in_file::bytes(path, "a tying tree (--tree)")?;
    Tree::decode(&bytes).with_context(|| path.display().to_string())
}
