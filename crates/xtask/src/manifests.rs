//! `cargo xtask manifests`: renders the Kubernetes manifests as `kubectl` does, and checks them without a cluster.

use crate::setup::{self, Part};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use std::path::PathBuf;
use std::process::Command;
use stentor_tasks::{Environment, process};

/// Options of the command.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The output of `judge.py`.
#[derive(Debug, Deserialize)]
struct Verdict {
    /// Number of objects in all overlays together.
    objects: usize,
    /// Number of valid objects.
    valid: usize,
    /// What is wrong with the others.
    problems: Vec<String>,
}

/// Sets up the programs that check, then checks.
pub(crate) fn run(environment: &Environment, options: &Options) -> Result<()> {
    setup::run(environment, &[Part::Python, Part::Judges])?;
    let verdict = judge(environment)?;
    if let Some(path) = &options.json {
        let figures = json!({ "objects": verdict.objects, "valid": verdict.valid });
        std::fs::write(path, serde_json::to_vec_pretty(&figures)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    content(&verdict)
}

/// Checks all overlays; the error lists everything that is wrong. The programs that check must be set up.
pub(crate) fn check(environment: &Environment) -> Result<()> {
    content(&judge(environment)?)
}

fn judge(environment: &Environment) -> Result<Verdict> {
    let folder = environment.root.join("deploy/kubernetes/overlays");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut overlays = Vec::new();
    for entry in entries {
        overlays.push(entry.with_context(|| format!("cannot read {}", folder.display()))?.path());
    }
    overlays.sort();
    let judge = environment.root.join("tests/manifests/judge.py");
    let answer = process::output(Command::new(environment.python()).arg(judge).args(&overlays))?;
    serde_json::from_str(&answer).with_context(|| format!("expected a verdict, found {answer}"))
}

fn content(verdict: &Verdict) -> Result<()> {
    eprintln!("{} objects, {} of them valid", verdict.objects, verdict.valid);
    ensure!(verdict.problems.is_empty(), "{}", verdict.problems.join("\n"));
    ensure!(verdict.objects > 0, "expected manifests in deploy/kubernetes/overlays, found none");
    Ok(())
}
