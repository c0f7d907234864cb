//! Simulated clusters by the thousand; `cargo xtask simulate` runs this with `--release`. It prints JSON.
//!
//! Arguments: seeds, the first one, and, where any are to be planted, names of bugs, or `all`.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Instant;
use stentor_coordinator::simulation::{Bug, run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seeds, from, names @ ..] = arguments.as_slice() else {
        return Err("expected a number of seeds and the first one".into());
    };
    let (seeds, from): (u64, u64) = (seeds.parse()?, from.parse()?);
    let bugs = match names {
        [all] if all == "all" => Bug::ALL.to_vec(),
        names => names
            .iter()
            .map(|name| Bug::named(name).ok_or_else(|| unknown(name)))
            .collect::<Result<_, _>>()?,
    };
    let started = Instant::now();
    let mut figures = if bugs.is_empty() { storms(from, seeds)? } else { hunts(from, seeds, &bugs)? };
    let events = figures["events"].as_u64().unwrap_or_default();
    figures["events_per_s"] = json!((events as f64 / started.elapsed().as_secs_f64()).round());
    println!("{figures}");
    Ok(())
}

fn unknown(name: &str) -> String {
    let known: Vec<&str> = Bug::ALL.into_iter().map(Bug::name).collect();
    format!("expected one of {}, found `{name}`", known.join(", "))
}

/// Runs without a bug: none of them may break an invariant.
fn storms(from: u64, seeds: u64) -> Result<Value, Box<dyn std::error::Error>> {
    let mut events = 0;
    let mut failed = Vec::new();
    let mut faults = BTreeMap::<&str, u64>::new();
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
        "violations": failed.len(),
        "failed": failed,
        "faults": faults,
        "outcomes": ends,
        "bugs": {},
    }))
}

/// Runs with one bug each, until it is found.
fn hunts(from: u64, seeds: u64, bugs: &[Bug]) -> Result<Value, Box<dyn std::error::Error>> {
    let (mut events, mut ran) = (0, 0);
    let mut found = Map::new();
    for bug in bugs {
        let mut found_at = Value::Null;
        for seed in from..from + seeds {
            let report = run(seed, Some(*bug))?;
            events += report.events;
            ran += 1;
            if let Some(violation) = report.violations.first() {
                found_at = json!({"found_at_seed": seed, "by": violation.invariant.id()});
                break;
            }
        }
        found.insert(bug.name().to_owned(), found_at);
    }
    Ok(json!({"seeds": ran, "events": events, "violations": 0, "faults": {}, "outcomes": {}, "bugs": found}))
}

/// The first word of a variant.
fn word(debug: &str) -> String {
    debug.split_whitespace().next().unwrap_or_default().to_owned()
}
