//! Benchmarks: each is a command that prints a table and writes its figures to `--json FILE`.

mod arithmetic;
mod chart;
mod convergence;
mod gain;
mod link;
mod memory;
mod page;
mod scale;

use crate::environment::Environment;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The benchmark to run.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Exchange: arithmetic compared with memory and entropy, and transfers over rate-limited links.
    Exchange(Exchange),
    /// 16, 64 and 256 workers simulated in one process: gain, density, bytes, loss; writes a table and a picture into
    /// the docs.
    Scale(scale::Scale),
    /// Gain of block momentum in the steady state, and batches between exchanges, with the real plan, coordinator and
    /// filter; the expected values are N and `block`.
    Gain(gain::Gain),
    /// Loss by frames on the demo's corpus, for each strategy with 1 to 8 workers; writes a table and a picture into
    /// the docs.
    Convergence(convergence::Convergence),
    /// Peak memory of dev evaluation and of the teacher-labeler's lanes, with the old and the current implementation.
    Memory(memory::Memory),
}

#[derive(Debug, Args)]
pub(crate) struct Exchange {
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only what needs no network: encoding, decoding and sizes, on one core.
    #[arg(long)]
    arithmetic: bool,
    /// Only the rate-limited links between network namespaces (needs root, `ip` and `tc`).
    #[arg(long, conflicts_with = "arithmetic")]
    link: bool,
    /// Install torch (3 GB from PyPI) if it is missing, to compare with its all-reduce over Gloo.
    #[arg(long)]
    gloo: bool,
    /// Numbers of workers to measure.
    #[arg(long, value_delimiter = ',', default_values_t = [2, 4, 8], value_name = "N,…")]
    workers: Vec<usize>,
    /// Only links with this rate: 100mbit or 1gbit.
    #[arg(long, value_parser = ["100mbit", "1gbit"])]
    rate: Option<String>,
    /// Densities at which GTC is measured, in percent of the values; the other methods are compared with the first.
    #[arg(long, value_delimiter = ',', default_values_t = [0.1, 1.0, 3.0, 10.0], value_name = "PERCENT,…", value_parser = density)]
    densities: Vec<f64>,
    /// Number of rounds that count.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Maximum number of rounds with whole models at 100 Mbit/s, which take many seconds each.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    slow_rounds: u64,
}

/// Parses the percentage of the values that a worker sends; above 20, the generated gradients have no room for more
/// large values.
fn density(text: &str) -> Result<f64, String> {
    let expected = || format!("expected a percentage above 0 and at most 20, found `{text}`");
    text.parse().ok().filter(|percent| *percent > 0.0 && *percent <= 20.0).ok_or_else(expected)
}

/// The figures of a benchmark; each of its parts adds its own.
type Figures = Map<String, Value>;

pub(crate) fn run(environment: &Environment, bench: &Bench) -> Result<()> {
    match bench {
        Bench::Exchange(options) => {
            let mut figures = Figures::new();
            if !options.link {
                arithmetic::run(environment, &mut figures)?;
            }
            if !options.arithmetic {
                link::run(environment, options, &mut figures)?;
            }
            write(options.json.as_deref(), &figures)
        }
        Bench::Scale(options) => write(options.json.as_deref(), &scale::run(environment, options)?),
        Bench::Gain(options) => write(options.json.as_deref(), &gain::run(environment)?),
        Bench::Convergence(options) => {
            write(options.json.as_deref(), &convergence::run(environment, options)?)
        }
        Bench::Memory(options) => write(options.json.as_deref(), &memory::run(environment)?),
    }
}

fn write(file: Option<&Path>, figures: &Figures) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    let text = serde_json::to_string_pretty(figures)? + "\n";
    std::fs::write(file, text).with_context(|| format!("cannot write the figures to {}", file.display()))
}

/// Builds an example of `stentor-exchange` with full optimisation, runs it and returns its output as JSON.
fn example(environment: &Environment, name: &str) -> Result<Value> {
    use crate::process::{self, Deadline};
    let arguments = ["--release", "--package", "stentor-exchange", "--example", name];
    let cargo = |verb: &'static str| {
        let mut command = environment.plain_cargo(&[verb]);
        command.args(arguments);
        command
    };
    process::run(&mut cargo("build"), Deadline::minutes(20))?;
    let text = process::output(cargo("run").arg("--quiet"))?;
    serde_json::from_str(&text).with_context(|| format!("the example `{name}` did not print JSON"))
}

/// A number in a tree of figures; `path` has the keys joined with slashes.
fn number(figures: &Value, path: &str) -> Result<f64> {
    let found = path.split('/').try_fold(figures, |value, key| value.get(key));
    found.and_then(Value::as_f64).with_context(|| format!("the figures have no number at `{path}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn densities_are_percentages_that_the_made_up_gradients_have_room_for() {
        assert_eq!(density("0.1"), Ok(0.1));
        for bad in ["0", "-1", "21", "NaN", "many"] {
            assert!(density(bad).unwrap_err().contains(bad), "{bad}");
        }
    }

    #[test]
    fn figures_are_found_by_path_and_a_missing_one_is_named() {
        let figures = json!({"bits_vs_entropy": {"0.001": 1.01}});
        assert_eq!(number(&figures, "bits_vs_entropy/0.001").unwrap(), 1.01);
        let error = number(&figures, "bits_vs_entropy/0.1").unwrap_err().to_string();
        assert!(error.contains("bits_vs_entropy/0.1"), "{error}");
    }
}
