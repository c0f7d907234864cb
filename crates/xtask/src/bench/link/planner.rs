//! What `stentor plan` says of the same cluster.

use super::network::Rate;
use crate::process;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Seconds of an exchange by method, as planned. All workers of the bench share this machine's cores.
pub(super) fn totals(
    programs: &Path,
    folder: &Path,
    rate: Rate,
    workers: usize,
    block: u32,
) -> Result<BTreeMap<String, f64>> {
    /// Nothing is computed in the bench; the planner wants a number above 0.
    const NO_BATCH_S: f64 = 1e-6;
    let json = folder.join("plan.json");
    let mut command = Command::new(programs.join("stentor"));
    command.arg("plan").arg(folder.join("link.toml")).arg("--json").arg(&json);
    command.args(["--workers", &workers.to_string(), "--per-host", &workers.to_string()]);
    command.args(["--bandwidth", rate.name, "--rtt", "200us", "--batch-seconds", &NO_BATCH_S.to_string()]);
    process::output(&mut command)?;
    let text = std::fs::read_to_string(&json).with_context(|| format!("cannot read {}", json.display()))?;
    let plan: Value = serde_json::from_str(&text).context("a plan is JSON")?;
    let mut totals = BTreeMap::new();
    for forecast in plan["forecasts"].as_array().into_iter().flatten() {
        let method = forecast["method"].as_str().unwrap_or_default();
        // As they are measured: signs through the coordinator, whole vectors through reducers beside the workers.
        let measured = if method.starts_with("gtc") { "coordinator" } else { "each-worker" };
        if forecast["reducers"] == measured {
            let batches = if method == "bmuf" { f64::from(block) } else { 1.0 };
            let total = forecast["total_s"].as_f64().unwrap_or(f64::NAN) - NO_BATCH_S;
            totals.insert(method.to_owned(), total * batches);
        }
    }
    Ok(totals)
}

/// Relative errors of the plan, in the order of what was measured.
pub(super) fn compare(planned: &BTreeMap<String, f64>, measured: &[(&str, f64)]) -> Vec<f64> {
    let error = |(method, seconds): &(&str, f64)| Some((planned.get(*method)? - seconds).abs() / seconds);
    measured.iter().filter_map(error).collect()
}
