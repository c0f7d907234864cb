//! `cargo xtask abuse`: what outsiders and faulty members may do to a running cluster of the real programs: `tests/examples/abuse.rs`.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use stentor_tasks::options::abuse::Options;
use stentor_tasks::{process, progress};

/// Runs the cases. Fails if a run did not survive one, or lost a valid member.
pub(crate) fn run(programs: &Path, options: &Options) -> Result<()> {
    let mut command = Command::new(programs.join("examples/abuse"));
    command.args(&options.only).env("STENTOR_BIN", programs).env("STENTOR_LOG", "info");
    let said = progress::step("do to clusters what must not harm them", || process::output(&mut command))?;
    let figures: Value = serde_json::from_str(&said).context("the cases did not print JSON")?;
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&figures)? + "\n";
        std::fs::write(file, text)
            .with_context(|| format!("cannot write the figures to {}", file.display()))?;
    }
    let cases = figures["cases"].as_array().context("the figures have no cases")?;
    let mut broken = Vec::new();
    for case in cases {
        let name = case["name"].as_str().unwrap_or_default();
        let survived = case["run_survived"] == true;
        let lost = case["valid_members_lost"].as_u64().unwrap_or(u64::MAX);
        println!("{name:<40} {}, {lost} valid members lost", if survived { "survived" } else { "ENDED" });
        if !survived || lost > 0 {
            broken.push(name);
        }
    }
    ensure!(broken.is_empty(), "harmed by: {}", broken.join(", "));
    Ok(())
}
