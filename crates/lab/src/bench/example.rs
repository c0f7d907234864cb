use anyhow::{Context, Result};
use serde_json::Value;
use stentor_tasks::Environment;
use stentor_tasks::process::{self, Deadline};

/// Builds an example of `stentor-exchange` with full optimisation, runs it and returns its output as JSON.
pub(super) fn run(environment: &Environment, name: &str) -> Result<Value> {
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
