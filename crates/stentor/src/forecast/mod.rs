//! `stentor forecast`: the cost of a batch with each exchange strategy on a given network, before a run.

mod calibrate;
mod compute;
mod table;

#[cfg(test)]
mod tests;

use crate::apart::Files;
use crate::config;
use crate::json_file::JsonFile;
use crate::number::whole;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use stentor_experiment::Experiment;
use stentor_forecast::{Bandwidth, RoundTrip, Scenario, advice, forecast};
use stentor_output::Figures;
use stentor_shards::FeatureManifest;
use stentor_store::Store;

/// Forecast the time and the bytes of a batch for each exchange strategy, and explain which is fastest and why.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The experiment file: model, densities, blocks, groups.
    experiment: PathBuf,
    /// Number of workers. Default: `cluster.workers` of the file.
    #[arg(long, value_name = "N", value_parser = whole::<u32>(1..=1024))]
    workers: Option<u32>,
    /// Bandwidth of each host's link in each direction: 100mbit, 1gbit, 25gbit.
    #[arg(long, value_name = "RATE")]
    bandwidth: Bandwidth,
    /// Round-trip time of a small message between two hosts: 2ms, 150us.
    #[arg(long, value_name = "TIME")]
    rtt: RoundTrip,
    /// Time of one worker for the forward and backward pass of one batch, seconds.
    #[arg(long, value_name = "S", value_parser = positive, required_unless_present = "run")]
    batch_seconds: Option<f64>,
    /// A run of the same model and batch on the same kind of machine; its event log contains that time.
    #[arg(long, value_name = "RUN", conflicts_with = "batch_seconds")]
    run: Option<String>,
    /// Number of values of the model. Default: computed from `[model]` and the features of `data.annotated`.
    #[arg(long, value_name = "N", value_parser = whole::<u64>(1..=1 << 32))]
    parameters: Option<u64>,
    /// Number of workers that share the cores of each host.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<u32>(1..=1024))]
    per_host: u32,
    /// File for the figures.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the I/O runtime")?;
    let experiment = config::read(&arguments.experiment)?;
    let Args { experiment: file, run, json, .. } = arguments;
    let files = Files::default().reads("the experiment file", [file]).reads("--run", run);
    files.writes("--json", json).check_apart()?;
    let json_file = JsonFile::at(arguments.json.as_deref())?;
    let parameters = match arguments.parameters {
        Some(parameters) => parameters as usize,
        None => runtime.block_on(count_parameters(&experiment, &arguments.experiment))?,
    };
    let batch_s = match (&arguments.run, arguments.batch_seconds) {
        (Some(run), _) => runtime.block_on(compute::batch_seconds(run))?,
        (None, given) => given.context("expected --batch-seconds or --run")?,
    };
    let workers = arguments.workers.unwrap_or(experiment.cluster.workers) as usize;
    stentor_runtime::errln!("measuring the speed of the exchange's arithmetic on this machine ...");
    let rates = calibrate::rates(parameters, experiment.exchange.gtc.density)?;
    let scenario = Scenario {
        per_host: arguments.per_host,
        ..Scenario::new(&experiment, parameters, workers, arguments.bandwidth, arguments.rtt, batch_s, rates)
    };
    let forecasts = forecast(&scenario);
    let words = advice(&scenario, &forecasts);
    let figures = Figures {
        parameters,
        workers,
        batch_s,
        density: scenario.density,
        block: scenario.block,
        group: scenario.group,
        rates_s_per_value: rates,
        forecasts,
        advice: words,
    };
    json_file.write(&figures)?;
    stentor_runtime::out!("{}", table::render(&scenario, &figures.forecasts, &figures.advice));
    Ok(())
}

/// Computed from the layers of `[model]`, and the features' numbers of inputs and outputs.
async fn count_parameters(experiment: &Experiment, file: &Path) -> Result<usize> {
    let location = config::rebased(experiment.clone(), file).data.annotated;
    let manifest =
        async { FeatureManifest::load(&Store::open(&location)?).await.map_err(anyhow::Error::from) };
    let manifest = manifest.await.with_context(|| {
        format!("the number of the model's inputs and senones comes from the features at {location}; without them, give --parameters")
    })?;
    Ok(experiment.model.architecture.parameter_count(manifest.dimension, manifest.senones.len()))
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err(format!("expected a number of seconds above 0, found `{text}`")),
    }
}
