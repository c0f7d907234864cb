//! `stentor inspect`: the contents of a set, a shard file, a checkpoint, a run or a model folder, as text or JSON.

mod checkpoint;
mod model_folder;
mod run_folder;
mod set;
mod shard;
mod tree;

#[cfg(test)]
mod tests;

use crate::place::{self, Place};
use crate::text::Text;
use anyhow::{Context, Result};
use serde::Serialize;

/// Show the contents of a feature set, label set, shard file, tying tree, checkpoint, run or model folder.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of a set, a checkpoint, a run or a model (`stentor export`); one shard file; or a tree of `stentor senones`.
    path: String,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// What was found at a path. There is only one at a time, so its size does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Found {
    Features(set::Features),
    Labels(set::Labels),
    Shard(shard::Shard),
    Tree(tree::Tree),
    Checkpoint(Box<checkpoint::Checkpoint>),
    Run(run_folder::RunFolder),
    ModelFolder(model_folder::ModelFolder),
}

pub(crate) fn run(arguments: Args) -> Result<()> {
    let Args { path, json } = arguments;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let found = runtime.context("cannot start the I/O runtime")?.block_on(inspect(&path))?;
    let mut text = if json { serde_json::to_string_pretty(&found)? } else { render(&found) };
    text.truncate(text.trim_end().len());
    text.push('\n');
    stentor_runtime::out!("{text}");
    Ok(())
}

async fn inspect(path: &str) -> Result<Found> {
    Ok(match place::find(path).await? {
        Place::Features(store) => Found::Features(set::features(&store).await?),
        Place::Labels(store) => Found::Labels(set::labels(&store).await?),
        Place::Shard(store, file) if file.ends_with(".parquet") => {
            Found::Shard(shard::shard(&store, &file).await?)
        }
        Place::Shard(store, file) => Found::Tree(tree::tree(&store, &file).await?),
        Place::Checkpoint(store) => Found::Checkpoint(Box::new(checkpoint::checkpoint(&store).await?)),
        Place::Run(store) => Found::Run(run_folder::run_folder(&store).await?),
        Place::ModelFolder(store) => Found::ModelFolder(model_folder::model_folder(&store).await?),
    })
}

fn render(found: &Found) -> String {
    let mut text = Text::default();
    match found {
        Found::Features(features) => features.render(&mut text),
        Found::Labels(labels) => labels.render(&mut text),
        Found::Shard(shard) => shard.render(&mut text),
        Found::Tree(tree) => return tree.render(),
        Found::Checkpoint(checkpoint) => checkpoint.render(&mut text),
        Found::Run(run) => run.render(&mut text),
        Found::ModelFolder(folder) => folder.render(&mut text),
    }
    text.finish()
}
