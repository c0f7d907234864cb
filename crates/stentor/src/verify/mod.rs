//! `stentor verify`: checks every byte of sets, checkpoints, runs and model folders against their manifests, and signatures of checkpoints and runs.

mod checkpoint;
mod model_folder;
mod run_folder;
mod set;

#[cfg(test)]
mod tests;

use crate::exit;
use crate::place::{self, Place};
use crate::text::{Text, counted};
use crate::trust::PublicKeyFiles;
use anyhow::{Result, bail};
use indicatif::{DecimalBytes, HumanCount};
use serde::Serialize;
use std::process::ExitCode;
use stentor_checkpoint::Trust;
use stentor_runtime::ExitStatus;
use stentor_shards::MANIFEST;
use stentor_transcribe::BUNDLE;

/// Check every byte of sets, checkpoints, runs and model folders against their manifests.
///
/// With `--public-key` also that checkpoints, event log and result of a run are signed, and that nothing of a signed run is missing or
/// in another place. Exits with 0 if everything is intact, 3 if something is damaged, missing, unsigned, forged or of a different
/// kind, 75 if a store does not respond.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folders or URLs of feature sets, label sets, checkpoints, runs or models (`stentor export`).
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    #[command(flatten)]
    public_keys: PublicKeyFiles,
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
    signatures: Signatures,
    objects: Vec<Object>,
}

/// What is known of signatures at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Signatures {
    /// There are none.
    None,
    /// There are some; no public key was given.
    NotChecked,
    /// Each object must have one.
    Checked,
}

/// The objects at a path.
#[derive(Debug, Default)]
struct Found {
    objects: Vec<Object>,
    is_signed: bool,
}

impl From<Vec<Object>> for Found {
    fn from(objects: Vec<Object>) -> Self {
        Self { objects, is_signed: false }
    }
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

impl Object {
    /// An object that is missing or cannot be read.
    fn without_bytes(name: String, fault: String) -> Self {
        Self { name, bytes: None, row_groups: None, faults: vec![fault] }
    }
}

pub(crate) fn run(arguments: &Args) -> ExitCode {
    exit::with(async { Ok(verify_all(arguments, arguments.public_keys.read()?.as_ref()).await) })
}

/// Checks all paths, even if some are damaged, and returns the worst exit status.
async fn verify_all(arguments: &Args, trust: Option<&Trust>) -> ExitStatus {
    let (mut found, mut status) = (Vec::new(), ExitStatus::Ok);
    for path in &arguments.paths {
        match verify(path, trust).await {
            Ok(verified) => {
                if !verified.whole && status == ExitStatus::Ok {
                    status = ExitStatus::Data;
                }
                found.push(verified);
            }
            Err(error) => {
                let end = exit::End::of(&error, ExitStatus::Data);
                stentor_runtime::errln!(
                    "stentor: {} [{}]",
                    exit::words(&error.context(path.clone())),
                    end.id
                );
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

async fn verify(path: &str, trust: Option<&Trust>) -> Result<Verified> {
    let (kind, found) = match place::find(path).await? {
        Place::Features(store) => {
            ("feature set", without_signatures(set::features(&store).await?, MANIFEST, trust))
        }
        Place::Labels(store) => {
            ("label set", without_signatures(set::labels(&store).await?, MANIFEST, trust))
        }
        Place::Checkpoint(store) => {
            let checkpoint::Listed { objects, is_signed, .. } =
                checkpoint::objects(&store, "", trust.into()).await?;
            ("checkpoint", Found { objects, is_signed })
        }
        Place::ModelFolder(store) => {
            ("model folder", without_signatures(model_folder::objects(&store).await?, BUNDLE, trust))
        }
        Place::Run(store) => ("run", run_folder::objects(&store, trust).await?),
        Place::Shard(store, file) => {
            bail!("the checksums of {file} are in its set's manifest: name the folder {}", store.location())
        }
    };
    let Found { objects, is_signed } = found;
    let whole = objects.iter().all(|object| object.faults.is_empty());
    let signatures = match trust {
        Some(_) => Signatures::Checked,
        None if is_signed => Signatures::NotChecked,
        None => Signatures::None,
    };
    Ok(Verified { path: path.to_owned(), kind, whole, signatures, objects })
}

/// Sets and model folders have no signatures: whoever asks for them must not take one for signed. `named`: the object that bears
/// this fault.
fn without_signatures(mut objects: Vec<Object>, named: &str, trust: Option<&Trust>) -> Found {
    if trust.is_some() {
        let fault = "not signed: sets of shards and model folders have no signatures; verify them without --public-key";
        objects.push(Object::without_bytes(named.to_owned(), fault.to_owned()));
    }
    objects.into()
}

fn render(found: &[Verified]) -> String {
    let mut text = Text::default();
    for Verified { path, kind, signatures, objects, .. } in found {
        let bad = objects.iter().filter(|object| !object.faults.is_empty()).count() as u64;
        let all = counted(objects.len() as u64, "object");
        let verdict =
            if bad == 0 { "all whole".to_owned() } else { format!("{} not whole", HumanCount(bad)) };
        let signatures = match signatures {
            Signatures::None => "",
            Signatures::NotChecked => "; signed, but not checked: give --public-key",
            Signatures::Checked if bad == 0 => ", all signed",
            Signatures::Checked => "; signatures checked",
        };
        text.heading(format_args!("{kind} {path}: {all}, {verdict}{signatures}"));
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
