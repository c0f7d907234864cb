//! The forecast of `stentor forecast` for the same cluster.

use crate::network::Rate;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use stentor_forecast::{Forecast, Method, Reducers};
use stentor_output::Figures;
use stentor_tasks::process;

/// Times of an exchange, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seconds {
    /// From an encoded contribution until the arrival of the sum: transfers, and the wait for the reducers.
    pub(super) under_way: f64,
    pub(super) total: f64,
}

/// Errors of the forecasts, relative to the measurements.
#[derive(Debug, Default)]
pub(super) struct Errors {
    pub(super) under_way: Vec<f64>,
    pub(super) total: Vec<f64>,
}

impl Errors {
    /// Adds the errors of the forecasts for the measured methods.
    pub(super) fn compare(&mut self, planned: &BTreeMap<Method, Seconds>, measured: &[(Method, Seconds)]) {
        for (method, found) in measured {
            let Some(said) = planned.get(method) else { continue };
            self.under_way.push((said.under_way - found.under_way).abs() / found.under_way);
            self.total.push((said.total - found.total).abs() / found.total);
        }
    }
}

/// The forecast for an experiment, by method. All workers of the bench share this machine's cores.
pub(super) fn plan(
    programs: &Path,
    folder: &Path,
    experiment: &str,
    rate: Rate,
    workers: usize,
    block: u32,
) -> Result<BTreeMap<Method, Seconds>> {
    /// The bench computes nothing, but the forecast requires a number above 0.
    const NO_BATCH_S: f64 = 1e-6;
    let (file, json) = (folder.join("plan.toml"), folder.join("plan.json"));
    std::fs::write(&file, experiment).with_context(|| format!("cannot write {}", file.display()))?;
    let mut command = Command::new(programs.join("stentor"));
    command.arg("forecast").arg(&file).arg("--json").arg(&json);
    command.args(["--workers", &workers.to_string(), "--per-host", &workers.to_string()]);
    command.args(["--bandwidth", rate.name, "--rtt", "200us", "--batch-seconds", &NO_BATCH_S.to_string()]);
    process::output(&mut command)?;
    let text = std::fs::read_to_string(&json).with_context(|| format!("cannot read {}", json.display()))?;
    let figures: Figures =
        serde_json::from_str(&text).with_context(|| format!("cannot read {}", json.display()))?;
    let mut methods = BTreeMap::new();
    for forecast in figures.forecasts {
        let Forecast { method, up_s, reduce_s, down_s, encode_s, apply_s, .. } = forecast;
        // The place of the reducers in the measurement: signs go through the coordinator, whole vectors through
        // reducers on the workers' hosts.
        let measured = match method {
            Method::Gtc | Method::GtcRethresholded => Reducers::Coordinator,
            Method::Dense | Method::Bmuf | Method::TwoTier => Reducers::EachWorker,
        };
        if forecast.reducers == measured {
            let batches = if method == Method::Bmuf { f64::from(block) } else { 1.0 };
            let under_way = (up_s + reduce_s + down_s) * batches;
            let total = under_way + (encode_s + apply_s) * batches;
            methods.insert(method, Seconds { under_way, total });
        }
    }
    Ok(methods)
}
