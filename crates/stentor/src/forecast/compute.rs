//! The computing time of a batch in an existing run, from its event log.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use stentor_exchange::strategy::decision;
use stentor_experiment::Experiment;
use stentor_store::Store;

/// Returns the median time of a worker for a batch, forward and backward, in seconds. A round waits for its slowest
/// member, and the log records that member's time.
pub(super) async fn batch_seconds(run: &str) -> Result<f64> {
    let store = Store::open(run)?;
    let text = store.get("experiment.toml").await;
    let text = text.with_context(|| format!("{run} is not a run: it has no experiment.toml"))?;
    let experiment = Experiment::parse(&String::from_utf8_lossy(&text))
        .with_context(|| format!("{run}/experiment.toml"))?;
    let block = decision(experiment.exchange.strategy).block(&experiment.exchange);
    let batches = f64::from(block.unwrap_or(1));
    let mut seconds = Vec::new();
    for segment in store.list("events/").await? {
        let lines = store.get(&segment).await?;
        seconds.extend(String::from_utf8_lossy(&lines).lines().filter_map(round_seconds));
    }
    if seconds.is_empty() {
        bail!("the event log of {run} contains no computing time of a round; give --batch-seconds instead");
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[seconds.len() / 2] / batches)
}

/// Returns the computing time of a closed round, or `None` for any other event.
fn round_seconds(line: &str) -> Option<f64> {
    let event: Value = serde_json::from_str(line).ok()?;
    let is_round = event.get("event")?.as_str()? == "round";
    let seconds = event.get("compute_s")?.as_f64()?;
    (is_round && seconds > 0.0).then_some(seconds)
}
