//! Simulates thousands of clusters; `cargo xtask simulate` runs this. It prints JSON.

// Only `cargo xtask simulate` runs this program, and its output is its result.
#![allow(clippy::print_stdout)]

use clap::Parser;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Instant;
use stentor_simulation::{Bug, FAULTS, run, trace};

type Failure = Box<dyn std::error::Error>;

/// Simulates thousands of clusters.
#[derive(Debug, Parser)]
struct Arguments {
    /// Number of runs without a bug.
    #[arg(long, default_value_t = 0)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Bugs to inject, one at a time; `all` means each of them.
    #[arg(long)]
    bug: Vec<String>,
    /// Maximum number of seeds in which an injected bug has to be found.
    #[arg(long, default_value_t = 0)]
    hunt: u64,
    /// Print each step of the run of seed `from` instead.
    #[arg(long)]
    trace: bool,
}

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let bugs = match arguments.bug.as_slice() {
        [all] if all == "all" => Bug::ALL.to_vec(),
        names => names
            .iter()
            .map(|name| Bug::named(name).ok_or_else(|| unknown(name)))
            .collect::<Result<_, _>>()?,
    };
    if arguments.trace {
        let (report, lines) = trace(arguments.from, bugs.first().copied())?;
        lines.iter().for_each(|line| println!("{line}"));
        report.violations.iter().for_each(|violation| println!("{violation}"));
        return Ok(());
    }
    let mut figures = with_faults(arguments.from, arguments.seeds)?;
    figures["bugs"] = hunts(arguments.from, arguments.hunt, &bugs)?;
    println!("{figures}");
    Ok(())
}

fn unknown(name: &str) -> String {
    let known: Vec<&str> = Bug::ALL.into_iter().map(Bug::name).collect();
    format!("expected one of {}, found `{name}`", known.join(", "))
}

/// Runs without a bug: none of them may break an invariant.
fn with_faults(from: u64, seeds: u64) -> Result<Value, Failure> {
    let started = Instant::now();
    let mut events = 0;
    let mut failed = Vec::new();
    let mut faults: BTreeMap<&str, u64> = FAULTS.into_iter().map(|kind| (kind, 0)).collect();
    let mut ends = BTreeMap::<String, u64>::new();
    for seed in from..from + seeds {
        let report = run(seed, None)?;
        events += report.events;
        for violation in &report.violations {
            let id = violation.invariant.id();
            failed.push(json!({"seed": seed, "id": id, "found": violation.to_string()}));
        }
        for (kind, count) in report.faults {
            *faults.entry(kind).or_default() += count;
        }
        let end = report.outcome.map_or_else(|| "none".to_owned(), |outcome| word(&format!("{outcome:?}")));
        *ends.entry(end).or_default() += 1;
    }
    Ok(json!({
        "seeds": seeds,
        "events": events,
        "events_per_s": (events as f64 / started.elapsed().as_secs_f64()).round(),
        "violations": failed.len(),
        "failed": failed,
        "faults": faults,
        "outcomes": ends,
    }))
}

/// Runs with one bug each, until it is found.
fn hunts(from: u64, seeds: u64, bugs: &[Bug]) -> Result<Value, Failure> {
    let mut all = Map::new();
    for bug in bugs {
        let mut found = json!({"found_at_seed": null});
        for seed in from..from + seeds {
            if let Some(violation) = run(seed, Some(*bug))?.violations.first() {
                found = json!({"found_at_seed": seed, "by": violation.invariant.id()});
                break;
            }
        }
        all.insert(bug.name().to_owned(), found);
    }
    Ok(all.into())
}

/// The first word of a variant.
fn word(debug: &str) -> String {
    debug.split_whitespace().next().unwrap_or_default().to_owned()
}
