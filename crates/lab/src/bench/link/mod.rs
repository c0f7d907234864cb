//! The exchange over rate-limited links: real programs in network namespaces, 24 million parameters, no computing. For
//! comparison, torch's all-reduce over Gloo in the same namespaces.

mod cluster;
mod planner;

use super::convergence::errors::Errors as TrainingErrors;
use super::figures::Figures;
use crate::network::{Network, RATES, Rate};
use anyhow::{Context, Result};
use cluster::{Measured, Round, Setting, median};
use planner::{Errors, Seconds};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use stentor_forecast::Method;
use stentor_tasks::Environment;
use stentor_tasks::options::bench::Exchange;
use stentor_tasks::process::{self, Deadline};

/// Number of parameters of `student-24m` with 192 inputs and 3,000 senones.
const VALUES: u64 = 24_161_208;
const MODEL_BYTES: f64 = 4.0 * VALUES as f64;
/// Batches between two exchanges of BMUF.
const BLOCK: u32 = 50;
/// Number of rounds until the norm of the reducer's residual is stable.
const GTC_WARM_UP: u64 = 25;
const GLOO: &str = include_str!("gloo.py");

const DENSE: &str = "strategy = \"dense\"\n";
const GTC: &str =
    "strategy = \"gtc\"\n[exchange.gtc]\ntau = 0.01\nwarmup_dense = 0.0\ndownlink = \"rethreshold\"\n";

/// The density and block to measure, for the forecast.
fn planned_exchange(density: f64) -> String {
    format!(
        "strategy = \"gtc\"\n[exchange.gtc]\ndensity = {density}\nwarmup_dense = 0.0\ndownlink = \"rethreshold\"\n\
         [exchange.bmuf]\nblock = {BLOCK}\n"
    )
}

pub(super) fn run(
    environment: &Environment,
    programs: &Path,
    options: &Exchange,
    figures: &mut Figures,
) -> Result<()> {
    let python = gloo_python(environment, options)?;
    let folder = environment.target.join("bench-link");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let data = folder.join("data");
    if !data.join("manifest.json").is_file() {
        let mut write = std::process::Command::new(programs.join("examples/link"));
        process::run(write.arg("data").arg(&data), Deadline::minutes(5))?;
    }
    let shares: Vec<f64> = options.densities.iter().map(|percent| percent / 100.0).collect();
    let Some((&density, others)) = shares.split_first() else {
        anyhow::bail!("--densities: expected at least one, found none");
    };
    let bench = Bench {
        programs: programs.to_owned(),
        folder,
        python,
        density,
        other_densities: others.to_vec(),
        training: options.errors.as_deref().map(TrainingErrors::read).transpose()?.unwrap_or_default(),
        rounds: options.rounds,
        slow_rounds: options.slow_rounds,
    };
    let mut link = Map::new();
    let mut errors = Errors::default();
    println!("\n{HEAD}");
    for rate in RATES.into_iter().filter(|rate| options.rate.as_deref().is_none_or(|only| only == rate.name))
    {
        let mut by_workers = Map::new();
        for &workers in &options.workers {
            let figures = bench.compare(rate, workers, &mut errors)?;
            by_workers.insert(workers.to_string(), Value::Object(figures));
        }
        link.insert(rate.name.to_owned(), Value::Object(by_workers));
    }
    if options.errors.is_none() {
        println!(
            "frame errors of training at these densities: `cargo xtask bench convergence --json FILE`, then this \
             benchmark with `--errors FILE`"
        );
    }
    figures.insert("link".to_owned(), Value::Object(link));
    for (what, key, aim, errors) in [
        ("transfer time", "planner_wire_error", 15, errors.under_way),
        ("total time", "planner_error", 30, errors.total),
    ] {
        if !errors.is_empty() {
            let error = median(errors);
            println!(
                "forecast compared with measurement, {what}, median error: {:.0} % (target: {aim} %)",
                100.0 * error
            );
            figures.insert(key.to_owned(), json!(error));
        }
    }
    bench.goodput(figures)?;
    bench.memory(figures)
}

const HEAD: &str = "link     workers   Gloo s  dense s   ratio | GTC sends   FER %   GTC s  ratio  KB up  down   CPU s | BMUF s/batch  ratio";

struct Bench {
    programs: PathBuf,
    folder: PathBuf,
    /// Python with torch; `None` if torch is not installed.
    python: Option<PathBuf>,
    /// GTC's density in the comparison of methods, and the other densities to measure.
    density: f64,
    other_densities: Vec<f64>,
    /// The error of training at each density.
    training: TrainingErrors,
    rounds: u64,
    slow_rounds: u64,
}

impl Bench {
    /// Measures one row of the table.
    fn compare(&self, rate: Rate, workers: usize, errors: &mut Errors) -> Result<Map<String, Value>> {
        let network = Network::lay(workers + 1, Some(rate))?;
        let rounds = self.rounds;
        let slow = if rate.megabits < 1000 { rounds.min(self.slow_rounds) } else { rounds };
        let setting = |exchange, own_reducers, warm_up, rounds, every| Setting {
            workers,
            own_reducers,
            exchange,
            density: self.density,
            warm_up,
            rounds,
            every: Duration::from_secs_f64(every),
        };
        let run = |setting: Setting<'_>| cluster::run(&network, &self.programs, &self.folder, &setting);
        let gloo = match &self.python {
            Some(python) => Some(self.gloo(python, &network, workers, slow)?),
            None => None,
        };
        let dense = run(setting(DENSE, true, 1, slow, 2.0))?;
        let gtc = run(setting(GTC, false, GTC_WARM_UP, rounds, 1.0))?;
        let block = format!("strategy = \"bmuf\"\n[exchange.bmuf]\nblock = {BLOCK}\n");
        let bmuf = run(setting(&block, true, 1, slow, 2.0))?;

        let bmuf_s = bmuf.seconds() / f64::from(BLOCK);
        let ratio = |ours: f64| gloo.map(|(gloo, _)| gloo / ours);
        println!(
            "{:8} {workers:>7} {:>8} {:>8.2} {:>7} | {} | {bmuf_s:>12.3} {:>6}",
            rate.name,
            shown(gloo.map(|(seconds, _)| seconds), 2),
            dense.seconds(),
            shown(ratio(dense.seconds()), 2),
            self.columns(self.density, &gtc, ratio(gtc.seconds())),
            shown(ratio(bmuf_s), 2),
        );
        let seconds = |m: &Measured| Seconds { under_way: m.under_way_seconds(), total: m.seconds() };
        let measured = [
            (Method::Dense, seconds(&dense)),
            (Method::GtcRethresholded, seconds(&gtc)),
            (Method::Bmuf, seconds(&bmuf)),
        ];
        let planned_exchange = planned_exchange(self.density);
        let text = cluster::experiment_file(&setting(&planned_exchange, false, 0, 0, 0.0), "");
        let planned = planner::plan(&self.programs, &self.folder, &text, rate, workers, BLOCK)?;
        errors.compare(&planned, &measured);
        let mut figures = Map::new();
        for (method, found) in &measured {
            if let Some(said) = planned.get(method) {
                let both = json!({
                    "planned": {"under_way_s": said.under_way, "total_s": said.total},
                    "measured": {"under_way_s": found.under_way, "total_s": found.total},
                });
                let method = json!(method);
                figures.insert(format!("{} by the planner", method.as_str().unwrap_or_default()), both);
            }
        }
        if let Some((seconds, bytes)) = gloo {
            figures.insert("gloo_s".to_owned(), json!(seconds));
            figures.insert("gloo_bytes".to_owned(), json!(bytes));
        }
        let traffic = |m: &Measured| m.mean(|r| (r.bytes_out + r.bytes_in) as f64);
        for (key, value) in [
            ("dense_s", dense.seconds()),
            ("dense_bytes", traffic(&dense)),
            ("dense_cpu_s", dense.cpu_seconds()),
            ("gtc_s", gtc.seconds()),
            ("gtc_cpu_s", gtc.cpu_seconds()),
            ("gtc_bytes", traffic(&gtc)),
            ("gtc_coordinator_cpu_s", gtc.coordinator_cpu_s / (GTC_WARM_UP + self.rounds) as f64),
            ("bmuf_per_batch_s", bmuf_s),
        ] {
            figures.insert(key.to_owned(), json!(value));
        }
        let mut by_density = Map::new();
        let at = |density: f64, m: &Measured| {
            json!({
                "s": m.seconds(),
                "bytes": traffic(m),
                "cpu_s": m.cpu_seconds(),
                "dev_frame_error": self.training.at(density),
            })
        };
        by_density.insert(self.density.to_string(), at(self.density, &gtc));
        for &density in &self.other_densities {
            let found = run(Setting { density, ..setting(GTC, false, GTC_WARM_UP, rounds, 1.0) })?;
            println!("{:42} | {} |", "", self.columns(density, &found, ratio(found.seconds())));
            by_density.insert(density.to_string(), at(density, &found));
        }
        figures.insert("gtc_by_density".to_owned(), Value::Object(by_density));
        Ok(figures)
    }

    /// The columns of GTC at a density: the exchange, and beside it the error of training at the same density.
    fn columns(&self, density: f64, found: &Measured, ratio: Option<f64>) -> String {
        columns(density, self.training.at(density), found, ratio)
    }

    /// Median seconds of an all-reduce, and bytes sent by rank 0.
    fn gloo(&self, python: &Path, network: &Network, workers: usize, rounds: u64) -> Result<(f64, f64)> {
        let script = self.folder.join("gloo.py");
        std::fs::write(&script, GLOO).with_context(|| format!("cannot write {}", script.display()))?;
        let mut ranks = Vec::new();
        for rank in 0..workers {
            let mut command = network.command(rank + 1, python);
            command
                .arg(&script)
                .args([rank.to_string(), workers.to_string(), network.address(1)])
                .args([VALUES.to_string(), (rounds + 1).to_string()])
                .stdin(Stdio::null())
                .stdout(Stdio::piped());
            ranks.push(command.spawn().context("cannot start Python")?);
        }
        let outputs: Vec<_> = ranks.into_iter().map(std::process::Child::wait_with_output).collect();
        let mut first = Vec::new();
        for (rank, output) in outputs.into_iter().enumerate() {
            let output = output.context("cannot wait for Python")?;
            anyhow::ensure!(output.status.success(), "Gloo's rank {rank} ended with {}", output.status);
            if rank == 0 {
                first = output.stdout;
            }
        }
        let rounds: Vec<Round> = String::from_utf8_lossy(&first)
            .lines()
            .skip(1)
            .map(|line| serde_json::from_str(line).context("expected a round's figures of Gloo"))
            .collect::<Result<_>>()?;
        let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
        Ok((of(|r| r.total_s), of(|r| r.bytes_out as f64)))
    }

    /// The share of a link's rate that one whole contribution reaches on its way to the coordinator.
    fn goodput(&self, figures: &mut Figures) -> Result<()> {
        let rate = RATES[0];
        let network = Network::lay(2, Some(rate))?;
        let every = Duration::from_secs(2);
        let setting = Setting {
            workers: 1,
            own_reducers: false,
            exchange: DENSE,
            density: self.density,
            warm_up: 1,
            rounds: 3,
            every,
        };
        let measured = cluster::run(&network, &self.programs, &self.folder, &setting)?;
        let bits = MODEL_BYTES * 8.0 / measured.mean(|r| r.send_s);
        let share = bits / (f64::from(rate.megabits) * 1e6);
        println!("goodput of a contribution, share of the link's rate: {share:.3} (target: at least 0.9)");
        figures.insert("goodput".to_owned(), json!(share));
        Ok(())
    }

    /// The coordinator's peak memory when it sums whole models of many workers.
    fn memory(&self, figures: &mut Figures) -> Result<()> {
        const WORKERS: usize = 8;
        let network = Network::lay(WORKERS + 1, Some(RATES[1]))?;
        let setting = Setting {
            workers: WORKERS,
            own_reducers: false,
            exchange: DENSE,
            density: self.density,
            warm_up: 0,
            rounds: 2,
            every: Duration::from_secs(2),
        };
        let measured = cluster::run(&network, &self.programs, &self.folder, &setting)?;
        let over = measured.coordinator_peak_bytes as f64 / MODEL_BYTES;
        let allowed = 3.0 + (WORKERS as f64 * f64::from(4 << 20)) / MODEL_BYTES;
        println!(
            "coordinator's peak memory, dense, {WORKERS} workers: {over:.2} models (target: below {allowed:.2})"
        );
        figures.insert("coordinator_rss_over_model".to_owned(), json!(over));
        Ok(())
    }
}

/// The columns of GTC in the table.
fn columns(density: f64, frame_error: Option<f64>, found: &Measured, ratio: Option<f64>) -> String {
    format!(
        "{:>7.1} % {:>7} {:>7.3} {:>6} {:>6.0} {:>5.0} {:>7.2}",
        100.0 * density,
        shown(frame_error, 1),
        found.seconds(),
        shown(ratio, 2),
        found.mean(|r| r.bytes_out as f64 / 1e3),
        found.mean(|r| r.bytes_in as f64 / 1e3),
        found.cpu_seconds(),
    )
}

/// A figure for the table, or a dash for one that was not measured.
fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

/// The Python with torch, which `--gloo` installs.
fn gloo_python(environment: &Environment, options: &Exchange) -> Result<Option<PathBuf>> {
    let folder = environment.cache.join("venv-gloo");
    let python = folder.join("bin/python");
    let works = |python: &Path| {
        process::output(std::process::Command::new(python).args(["-c", "import torch, numpy"])).is_ok()
    };
    if python.is_file() && works(&python) {
        return Ok(Some(python));
    }
    if !options.gloo {
        println!("torch is not installed: no figures of Gloo. `--gloo` installs it (3 GB from PyPI).");
        return Ok(None);
    }
    println!("installing torch with CUDA's libraries, without which its wheel does not load: 3 GB from PyPI");
    let mut make = std::process::Command::new("python3");
    process::run(make.args(["-m", "venv"]).arg(&folder), Deadline::minutes(5))?;
    let mut install = std::process::Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "torch==2.11.0", "numpy"]);
    process::run(&mut install, Deadline::minutes(60))?;
    Ok(Some(python))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One member, whose rounds take these seconds and send these bytes.
    fn measured(rounds: &[(f64, u64)]) -> Measured {
        let round = |(number, &(total_s, bytes_out)): (usize, &(f64, u64))| Round {
            round: number as u64,
            total_s,
            encode_s: 0.0,
            send_s: 0.0,
            apply_s: 0.0,
            bytes_out,
            bytes_in: 2 * bytes_out,
            cpu_s: number as f64,
        };
        let members = vec![rounds.iter().enumerate().map(round).collect()];
        Measured { members, coordinator_peak_bytes: 0, coordinator_cpu_s: 0.0 }
    }

    #[test]
    fn time_and_bytes_at_a_density_stand_beside_the_error_of_training_at_it() {
        let found = measured(&[(0.25, 1000), (0.5, 3000), (0.75, 5000)]);
        let words = |row: String| row.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let row = words(columns(0.1, Some(62.04), &found, Some(11.0)));
        assert_eq!(row[..7], ["10.0", "%", "62.0", "0.500", "11.00", "3", "6"]);
        let row = words(columns(0.002, None, &found, None));
        assert_eq!(
            row[..5],
            ["0.2", "%", "-", "0.500", "-"],
            "an error that was not measured is not shown as one"
        );
        assert_eq!(HEAD.split_whitespace().filter(|word| *word == "FER").count(), 1);
    }
}
