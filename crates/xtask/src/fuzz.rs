//! `cargo xtask fuzz`: inputs made up by libFuzzer for every decoder of bytes from network and disk, and what they came to.
//!
//! Needs a C++ compiler besides the toolchain: coverage counters are an ordinary pass of the compiler, and libFuzzer is
//! built from its sources.

use crate::environment::Environment;
use crate::process::{self, Deadline};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// As the program lists them.
const TARGETS: [&str; 13] = [
    "gtc",
    "dense",
    "reducer",
    "wire",
    "shard",
    "shard-manifest",
    "checkpoint-manifest",
    "tensors",
    "state",
    "events",
    "experiment",
    "kaldi",
    "ctm",
];

/// Counters at every edge, and comparisons told, so that libFuzzer finds what a branch wants.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// The one platform that the project is built on; naming it keeps the counters out of build scripts.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// Bounds of an input: bytes, seconds, megabytes of the whole process.
const BOUNDS: [&str; 3] = ["-max_len=4096", "-timeout=10", "-rss_limit_mb=2048"];

/// Crashes of a target after which it is left alone.
const ENOUGH: u64 = 5;

/// How many inputs, and for which decoders.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Inputs of each target.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    inputs: u64,
    /// Only this target; may be given several times. Default: all.
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    target: Vec<String>,
    /// File for the figures.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What the fuzzing came to.
#[derive(Debug, Serialize)]
struct Figures {
    targets: BTreeMap<String, Outcome>,
}

/// What one target came to.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Outcome {
    inputs: u64,
    crashes: u64,
    /// Edges that some input has reached.
    edges: u64,
    seconds: f64,
    /// Files with the inputs that crashed.
    crashing_inputs: Vec<String>,
}

pub(crate) fn run(environment: &Environment, options: &Options) -> Result<()> {
    let program = build(environment)?;
    let folder = environment.target.join("fuzz");
    let mut figures = Figures { targets: BTreeMap::new() };
    println!("{:20} {:>12} {:>8} {:>8} {:>9}", "target", "inputs", "crashes", "edges", "inputs/s");
    for name in TARGETS
        .into_iter()
        .filter(|name| options.target.is_empty() || options.target.iter().any(|t| t == name))
    {
        let outcome = fuzz(&program, &folder, name, options.inputs)?;
        let Outcome { inputs, crashes, edges, seconds, .. } = outcome;
        println!("{name:20} {inputs:>12} {crashes:>8} {edges:>8} {:>9.0}", inputs as f64 / seconds.max(1e-3));
        figures.targets.insert(name.to_owned(), outcome);
    }
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_vec_pretty(&figures)?)
            .with_context(|| path.display().to_string())?;
    }
    let crashed: Vec<&String> =
        figures.targets.values().flat_map(|outcome| &outcome.crashing_inputs).collect();
    ensure!(crashed.is_empty(), "these inputs crash a decoder: {crashed:?}");
    Ok(())
}

/// Builds the program in the common target folder: its platform's folder keeps it apart from everything else.
fn build(environment: &Environment) -> Result<PathBuf> {
    let manifest = environment.root.join("fuzz/Cargo.toml");
    let mut cargo = environment.plain_cargo(&["build", "--target", PLATFORM, "--manifest-path"]);
    cargo.arg(manifest).env("RUSTFLAGS", COVERAGE);
    process::run(&mut cargo, Deadline::minutes(120))?;
    let program = environment.target.join(PLATFORM).join("debug/stentor-fuzz");
    ensure!(program.is_file(), "built, but there is no {}", program.display());
    Ok(program)
}

/// Runs a target until it has had its inputs. A crash ends the process: it is started again for the rest.
fn fuzz(program: &Path, folder: &Path, name: &str, inputs: u64) -> Result<Outcome> {
    let (corpus, crashes) = (folder.join("corpus").join(name), folder.join("crashes").join(name));
    for folder in [&corpus, &crashes] {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let seeds = Command::new(program)
        .env("STENTOR_FUZZ_TARGET", name)
        .env("STENTOR_FUZZ_SEEDS", &corpus)
        .stdin(Stdio::null())
        .status()
        .with_context(|| program.display().to_string())?;
    ensure!(seeds.success(), "the seeds of {name} cannot be written: {seeds}");
    let mut outcome = Outcome::default();
    let start = Instant::now();
    while outcome.inputs < inputs && outcome.crashes < ENOUGH {
        let left = inputs - outcome.inputs;
        let output = Command::new(program)
            .env("STENTOR_FUZZ_TARGET", name)
            .arg(&corpus)
            .arg(format!("-runs={left}"))
            .arg(format!("-seed={}", 1 + outcome.crashes))
            .arg(format!("-artifact_prefix={}/", crashes.display()))
            .args(BOUNDS)
            .arg("-print_final_stats=1")
            .stdin(Stdio::null())
            .output()
            .with_context(|| program.display().to_string())?;
        let said = String::from_utf8_lossy(&output.stderr);
        let run =
            told(&said).with_context(|| format!("{name}: expected libFuzzer's figures, found:\n{said}"))?;
        outcome.inputs += run.inputs;
        outcome.edges = outcome.edges.max(run.edges);
        match (output.status.success(), run.crashing_input) {
            (true, _) => break,
            (false, Some(input)) => {
                eprintln!("{name}: {}", reason(&said));
                outcome.crashes += 1;
                outcome.crashing_inputs.push(input);
            }
            (false, None) => bail!("{name} ended with {} without naming an input:\n{said}", output.status),
        }
    }
    outcome.seconds = start.elapsed().as_secs_f64();
    Ok(outcome)
}

/// What one run of libFuzzer says about itself.
#[derive(Debug, PartialEq)]
struct Told {
    inputs: u64,
    edges: u64,
    crashing_input: Option<String>,
}

/// Reads `… cov: 812 ft: …`, `stat::number_of_executed_units: 100000` and `Test unit written to FILE`.
fn told(text: &str) -> Option<Told> {
    let number_after =
        |line: &str, word: &str| line.split_once(word)?.1.split_whitespace().next()?.parse::<u64>().ok();
    let edges = text.lines().filter_map(|line| number_after(line, " cov: ")).max().unwrap_or(0);
    let stated = text.lines().find_map(|line| number_after(line, "stat::number_of_executed_units:"));
    // A run that was killed for memory or time states nothing; the number in front of its last report is near enough.
    let reported =
        text.lines().filter_map(|line| line.strip_prefix('#')?.split_whitespace().next()?.parse().ok());
    let crashing_input =
        text.lines().find_map(|line| Some(line.split_once("Test unit written to ")?.1.trim().to_owned()));
    Some(Told { inputs: stated.or(reported.max())?, edges, crashing_input })
}

/// The line that tells what happened.
fn reason(text: &str) -> &str {
    text.lines().find(|line| line.contains("ERROR: libFuzzer")).unwrap_or("crashed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_libfuzzers_own_words() {
        let text = "#2\tINITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 30Mb\n\
                    #900\tNEW    cov: 812 ft: 1200 corp: 9/99b lim: 8 exec/s: 0 rss: 31Mb L: 3/9 MS: 1 EraseBytes-\n\
                    #1000\tDONE   cov: 812 ft: 1200\nstat::number_of_executed_units: 1000\n";
        assert_eq!(told(text), Some(Told { inputs: 1000, edges: 812, crashing_input: None }));
        let crash = "#700\tNEW cov: 5 ft: 6\n==9== ERROR: libFuzzer: deadly signal\n\
                     artifact_prefix='x/'; Test unit written to x/crash-01\nstat::number_of_executed_units: 731\n";
        let crashing_input = Some("x/crash-01".to_owned());
        assert_eq!(told(crash), Some(Told { inputs: 731, edges: 5, crashing_input }));
        assert_eq!(reason(crash), "==9== ERROR: libFuzzer: deadly signal");
        assert_eq!(told("nothing"), None);
    }

    #[test]
    fn the_program_and_the_command_line_know_the_same_targets() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/src/targets/mod.rs");
        let text = std::fs::read_to_string(source).unwrap();
        let names: Vec<&str> =
            text.split("Target { name: \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(names, TARGETS);
    }
}
