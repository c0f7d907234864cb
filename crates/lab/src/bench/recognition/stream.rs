//! Streams: the forward pass against libtorch's, and the whole way from sound to words.

use super::super::figures::number;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stentor_tasks::Environment;
use stentor_tasks::process::{self, Deadline};

/// Hours of sound, and minutes for the published student, which takes a thousand times the arithmetic.
const HOURS: &str = "5";
const HOURS_OF_PUBLISHED: &str = "0.1";

pub(super) fn run(environment: &Environment) -> Result<Value> {
    let forward = forward(environment)?;
    let selection = ["--release", "--package", "stentor-transcribe", "--bins", "--example", "stream"];
    process::run(environment.building_cargo(&["build"])?.args(selection), Deadline::minutes(20))?;
    let stream = |size: &str, hours: &str| -> Result<Value> {
        let program = environment.target.join("release/examples/stream");
        let text = process::output(std::process::Command::new(program).args([size, hours]))?;
        let found: Value = serde_json::from_str(&text).context("the example `stream` did not print JSON")?;
        let (words, said) = (number(&found, "words")?, number(&found, "said")?);
        ensure!(words == said, "{said} words were said, and {words} were recognised: {found}");
        Ok(found)
    };
    let (small, published) = (stream("small", HOURS)?, stream("published", HOURS_OF_PUBLISHED)?);
    let binary = environment.target.join("release/stentor-transcribe");
    let bytes = std::fs::metadata(&binary).with_context(|| binary.display().to_string())?.len();
    let difference = number(&forward, "max_logit_difference")?;
    Ok(json!({
        "max_logit_difference": difference,
        "max_logit_difference_millionths": difference * 1e6,
        "speed_vs_libtorch": number(&forward, "speed_vs_libtorch")?,
        "times_real_time": number(&published, "times_real_time")?,
        "rss_mb": number(&published, "rss_mb")?,
        "rss_growth_mb": number(&small, "rss_mb")? - number(&small, "rss_mb_after_a_tenth")?,
        "binary_mb": bytes as f64 / 1e6,
        "forward": forward,
        "published": published,
        "small": small,
    }))
}

/// Both forward passes in one process. libtorch is the same in every profile, and so is the inner loop of ours, so the profile of
/// tests serves.
fn forward(environment: &Environment) -> Result<Value> {
    let selection = ["--workspace", "--exclude", "xtask", "--example", "forward"];
    process::run(environment.cargo(&["build"])?.args(selection), Deadline::minutes(40))?;
    let text =
        process::output(&mut std::process::Command::new(environment.target.join("debug/examples/forward")))?;
    serde_json::from_str(&text).context("the example `forward` did not print JSON")
}
