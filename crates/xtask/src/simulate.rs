//! `cargo xtask simulate`: whole clusters from seeds, by the thousand: `coordinator/examples/simulate.rs`.

use crate::environment::Environment;
use crate::process::{self, Deadline};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Simulated runs; with `--bug`, at most so many for each.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, value_name = "S", default_value_t = 0)]
    from: u64,
    /// Plant this bug and look for it; `all`: each of them in turn. May be given several times.
    #[arg(long, value_name = "NAME")]
    bug: Vec<String>,
    /// File for the figures.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Builds the simulation with full optimisation and runs it; fails where an invariant was broken, or a planted bug not found.
pub(crate) fn run(environment: &Environment, options: &Options) -> Result<()> {
    let figures = simulate(environment, options)?;
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&figures)? + "\n";
        std::fs::write(file, text)
            .with_context(|| format!("cannot write the figures to {}", file.display()))?;
    }
    print!("{}", table(&figures));
    judge(&figures)
}

fn simulate(environment: &Environment, options: &Options) -> Result<Value> {
    let cargo = |verb: &str| {
        let mut command = environment.plain_cargo(&[verb]);
        let what = ["--release", "--package", "stentor-coordinator"];
        command.args(what).args(["--features", "simulation", "--example", "simulate"]);
        command
    };
    process::run(&mut cargo("build"), Deadline::minutes(20))?;
    let mut run = cargo("run");
    run.args(["--quiet", "--"]).args([options.seeds, options.from].map(|n| n.to_string())).args(&options.bug);
    serde_json::from_str(&process::output(&mut run)?)
        .context("the simulation printed something else than JSON")
}

/// For people.
fn table(figures: &Value) -> String {
    let mut out = String::new();
    for key in ["seeds", "events", "events_per_s", "violations"] {
        out += &format!("{key:<24}{}\n", figures[key]);
    }
    for group in ["outcomes", "faults"] {
        for (kind, count) in figures[group].as_object().into_iter().flatten() {
            out += &format!("{:<24}{count}\n", format!("{group}: {kind}"));
        }
    }
    for (bug, found) in figures["bugs"].as_object().into_iter().flatten() {
        let words = match found["found_at_seed"].as_u64() {
            Some(seed) => format!("found at seed {seed}, by {}", found["by"].as_str().unwrap_or_default()),
            None => "not found".to_owned(),
        };
        out += &format!("{bug:<34}{words}\n");
    }
    for failed in figures["failed"].as_array().into_iter().flatten() {
        let (seed, found) = (&failed["seed"], failed["found"].as_str().unwrap_or_default());
        // The second line goes into LESSONS of coordinator/src/simulation/tests.rs.
        out += &format!("seed {seed}: {found}\n    ({seed}, {}),\n", failed["id"]);
    }
    out
}

fn judge(figures: &Value) -> Result<()> {
    let violations = figures["violations"].as_u64().context("the figures hold no `violations`")?;
    ensure!(violations == 0, "expected no violation, found {violations}; each is a bug");
    let bugs = figures["bugs"].as_object().into_iter().flatten();
    let missed: Vec<&str> =
        bugs.filter(|(_, found)| found["found_at_seed"].is_null()).map(|(name, _)| name.as_str()).collect();
    ensure!(missed.is_empty(), "expected every planted bug to be found, and missed {}", missed.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_violation_and_a_bug_that_was_missed_are_failures() {
        judge(&json!({"violations": 0, "bugs": {"x": {"found_at_seed": 3}}})).unwrap();
        let error = judge(&json!({"violations": 2, "bugs": {}})).unwrap_err().to_string();
        assert!(error.contains("found 2"), "{error}");
        let error = judge(&json!({"violations": 0, "bugs": {"x": null}})).unwrap_err().to_string();
        assert!(error.contains("missed x"), "{error}");
    }

    #[test]
    fn a_failed_seed_is_shown_with_a_line_for_the_tests() {
        let figures = json!({"failed": [{"seed": 7, "id": "I3", "found": "I3 (once): twice"}]});
        assert!(table(&figures).contains("    (7, \"I3\"),\n"), "{}", table(&figures));
    }
}
