//! `cargo xtask simulate`: thousands of whole clusters, simulated from seeds: `crates/simulation/examples/simulate.rs`.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use stentor_tasks::options::simulate::Options;
use stentor_tasks::process;

/// Maximum number of runs in which an injected bug must be found.
const HUNT: u64 = 10_000;

/// Runs the simulation, which is built with the settings of the tests, so with all assertions. Fails if an invariant
/// was broken, or an injected bug was not found.
pub(crate) fn run(programs: &Path, options: &Options) -> Result<()> {
    let mut run = Command::new(programs.join("examples/simulate"));
    let said = process::output(run.args(arguments(options)))?;
    if options.trace {
        print!("{said}");
        return Ok(());
    }
    let figures: Value = serde_json::from_str(&said).context("the simulation did not print JSON")?;
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&figures)? + "\n";
        std::fs::write(file, text)
            .with_context(|| format!("cannot write the figures to {}", file.display()))?;
    }
    print!("{}", table(&figures));
    judge(&figures)
}

fn arguments(options: &Options) -> Vec<String> {
    let seeds = if options.bug.is_empty() { options.seeds } else { 0 };
    let all = (options.bug.is_empty() && !options.trace).then(|| "all".to_owned());
    let bugs = options.bug.iter().cloned().chain(all).map(|bug| format!("--bug={bug}"));
    let numbers = [("seeds", seeds), ("from", options.from), ("hunt", HUNT)];
    let numbers = numbers.into_iter().map(|(name, n)| format!("--{name}={n}"));
    numbers.chain(bugs).chain(options.trace.then(|| "--trace".to_owned())).collect()
}

/// The figures as a table.
fn table(figures: &Value) -> String {
    let mut out = String::new();
    for key in ["seeds", "events", "events_per_s", "violations"] {
        out += &format!("{key:<30} {}\n", figures[key]);
    }
    for group in ["outcomes", "faults"] {
        for (kind, count) in figures[group].as_object().into_iter().flatten() {
            out += &format!("{:<30} {count}\n", format!("{group}: {kind}"));
        }
    }
    for (bug, found) in figures["bugs"].as_object().into_iter().flatten() {
        let words = match found["found_at_seed"].as_u64() {
            Some(seed) => format!("found at seed {seed}, by {}", found["by"].as_str().unwrap_or_default()),
            None => "not found".to_owned(),
        };
        out += &format!("{bug:<30} {words}\n");
    }
    for failed in figures["failed"].as_array().into_iter().flatten() {
        let (seed, found) = (&failed["seed"], failed["found"].as_str().unwrap_or_default());
        // The second line must be added to FOUND_BY_SEEDS in crates/simulation/src/tests.rs.
        out += &format!("seed {seed}: {found}\n    ({seed}, {}),\n", failed["id"]);
    }
    out
}

fn judge(figures: &Value) -> Result<()> {
    let violations = figures["violations"].as_u64().context("the figures have no `violations`")?;
    ensure!(violations == 0, "expected no violation, found {violations}; each one is a bug");
    let faults = figures["faults"].as_object().into_iter().flatten();
    let absent: Vec<&str> =
        faults.filter(|(_, n)| figures["seeds"] != 0 && **n == 0).map(|(kind, _)| kind.as_str()).collect();
    ensure!(
        absent.is_empty(),
        "expected faults of every kind, but {} never occurred: run more seeds",
        absent.join(", ")
    );
    let bugs = figures["bugs"].as_object().into_iter().flatten();
    let missed: Vec<&str> =
        bugs.filter(|(_, found)| found["found_at_seed"].is_null()).map(|(name, _)| name.as_str()).collect();
    ensure!(missed.is_empty(), "expected every injected bug to be found, did not find {}", missed.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_violation_or_a_missed_bug_is_a_failure() {
        judge(&json!({"violations": 0, "bugs": {"x": {"found_at_seed": 3}}})).unwrap();
        let error = judge(&json!({"violations": 2, "bugs": {}})).unwrap_err().to_string();
        assert!(error.contains("found 2"), "{error}");
        let error =
            judge(&json!({"seeds": 3, "violations": 0, "faults": {"crash": 0}})).unwrap_err().to_string();
        assert!(error.contains("crash never occurred"), "{error}");
        let never = json!({"violations": 0, "bugs": {"x": {"found_at_seed": null}}});
        let error = judge(&never).unwrap_err().to_string();
        assert!(error.contains("did not find x"), "{error}");
    }

    #[test]
    fn a_failed_seed_is_shown_with_a_line_for_the_tests() {
        let figures = json!({"failed": [{"seed": 7, "id": "I3", "found": "I3 (once): twice"}]});
        assert!(table(&figures).contains("    (7, \"I3\"),\n"), "{}", table(&figures));
    }
}
