//! Benchmarks: each is a command that prints a table and writes its figures to `--json FILE`.

mod arithmetic;
mod convergence;
mod gain;
mod link;
mod memory;
mod page;
mod scale;

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use std::path::Path;
use stentor_tasks::Environment;
use stentor_tasks::options::bench::Bench;

/// The figures of a benchmark; each of its parts adds its own.
type Figures = Map<String, Value>;

pub(crate) fn run(environment: &Environment, programs: &Path, bench: &Bench) -> Result<()> {
    match bench {
        Bench::Exchange(options) => {
            let mut figures = Figures::new();
            if !options.link {
                arithmetic::run(environment, &mut figures)?;
            }
            if !options.arithmetic {
                link::run(environment, programs, options, &mut figures)?;
            }
            write(options.json.as_deref(), &figures)
        }
        Bench::Scale(options) => write(options.json.as_deref(), &scale::run(environment, options)?),
        Bench::Gain(options) => write(options.json.as_deref(), &gain::run(programs)?),
        Bench::Convergence(options) => {
            write(options.json.as_deref(), &convergence::run(environment, programs, options)?)
        }
        Bench::Memory(options) => write(options.json.as_deref(), &memory::run(programs)?),
    }
}

fn write(file: Option<&Path>, figures: &Figures) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    let text = serde_json::to_string_pretty(figures)? + "\n";
    std::fs::write(file, text).with_context(|| format!("cannot write the figures to {}", file.display()))
}

/// Builds an example of `stentor-exchange` with full optimisation, runs it and returns its output as JSON.
fn example(environment: &Environment, name: &str) -> Result<Value> {
    use stentor_tasks::process::{self, Deadline};
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
    fn figures_are_found_by_path_and_a_missing_one_is_named() {
        let figures = json!({"bits_vs_entropy": {"0.001": 1.01}});
        assert_eq!(number(&figures, "bits_vs_entropy/0.001").unwrap(), 1.01);
        let error = number(&figures, "bits_vs_entropy/0.1").unwrap_err().to_string();
        assert!(error.contains("bits_vs_entropy/0.1"), "{error}");
    }
}
