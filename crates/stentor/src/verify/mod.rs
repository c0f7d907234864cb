//! `stentor verify`: checks every byte of sets, checkpoints and runs against their manifests.

mod checkpoint;
mod run_folder;
mod set;

#[cfg(test)]
mod tests;

use crate::exit;
use crate::place::{self, Place};
use crate::text::{Text, counted};
use anyhow::{Result, bail};
use indicatif::{DecimalBytes, HumanCount};
use serde::Serialize;
use std::process::ExitCode;
use stentor_runtime::ExitStatus;

/// Check every byte of sets, checkpoints and runs against their manifests.
///
/// Exits with 0 if everything is intact, 3 if something is damaged, missing or of a different kind, 75 if a store does
/// not respond.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folders or URLs of feature sets, label sets, checkpoints or runs.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// What was found at a path.
#[derive(Debug, Serialize)]
struct Verified {
    path: String,
    kind: &'static str,
    whole: bool,
    objects: Vec<Object>,
}

/// An object and all errors found in it.
#[derive(Debug, Serialize)]
struct Object {
    name: String,
    /// Size according to the manifest; `None` for objects without one.
    bytes: Option<u64>,
    row_groups: Option<usize>,
    faults: Vec<String>,
}

pub(crate) fn run(arguments: &Args) -> ExitCode {
    exit::with(async { Ok(verify_all(arguments).await) })
}

/// Checks all paths, even if some are damaged, and returns the worst exit status.
async fn verify_all(arguments: &Args) -> ExitStatus {
    let (mut found, mut status) = (Vec::new(), ExitStatus::Ok);
    for path in &arguments.paths {
        match verify(path).await {
            Ok(verified) => {
                if !verified.whole && status == ExitStatus::Ok {
                    status = ExitStatus::Data;
                }
                found.push(verified);
            }
            Err(error) => {
                let end = exit::End::of(&error, ExitStatus::Data);
                stentor_runtime::errln!("stentor: {path}: {error:#} [{}]", end.id);
                status = end.status;
            }
        }
    }
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&found).unwrap_or_default() + "\n",
        false => render(&found),
    };
    stentor_runtime::out!("{text}");
    status
}

async fn verify(path: &str) -> Result<Verified> {
    let (kind, objects) = match place::find(path).await? {
        Place::Features(store) => ("feature set", set::features(&store).await?),
        Place::Labels(store) => ("label set", set::labels(&store).await?),
        Place::Checkpoint(store) => ("checkpoint", checkpoint::objects(&store, "").await?),
        Place::Run(store) => ("run", run_folder::objects(&store).await?),
        Place::Shard(store, file) => {
            bail!("the checksums of {file} are in its set's manifest: name the folder {}", store.location())
        }
    };
    let whole = objects.iter().all(|object| object.faults.is_empty());
    Ok(Verified { path: path.to_owned(), kind, whole, objects })
}

fn render(found: &[Verified]) -> String {
    let mut text = Text::default();
    for Verified { path, kind, objects, .. } in found {
        let bad = objects.iter().filter(|object| !object.faults.is_empty()).count() as u64;
        let all = counted(objects.len() as u64, "object");
        let verdict =
            if bad == 0 { "all whole".to_owned() } else { format!("{} not whole", HumanCount(bad)) };
        text.heading(format_args!("{kind} {path}: {all}, {verdict}"));
        for Object { name, bytes, row_groups, faults } in objects {
            let state = if faults.is_empty() { "whole" } else { "NOT WHOLE" };
            text.row([
                name.clone(),
                bytes.map(|b| DecimalBytes(b).to_string()).unwrap_or_default(),
                row_groups.map(|groups| counted(groups as u64, "row group")).unwrap_or_default(),
                state.to_owned(),
            ]);
        }
        for Object { name, faults, .. } in objects {
            for fault in faults {
                text.heading(format_args!("{name}: {fault}"));
            }
        }
    }
    text.finish()
}

/// Reads an object that has no manifest, and reports the error if it is not a `T`.
fn parsed<T, E: std::fmt::Display>(
    name: &str,
    text: &[u8],
    parse: impl FnOnce(&str) -> std::result::Result<T, E>,
) -> Object {
    let fault = match std::str::from_utf8(text) {
        Ok(text) => parse(text).err().map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    };
    let bytes = Some(text.len() as u64);
    Object { name: name.to_owned(), bytes, row_groups: None, faults: fault.into_iter().collect() }
}
