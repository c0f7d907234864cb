//! `cargo xtask chaos`: real programs on real speech, killed again and again. In `fixed` the parameters must end with the bits of
//! a run that nobody disturbed, in `elastic` the ledger must be clean; the labeler must write the same bytes.

mod case;
mod cluster;
mod disturbance;
mod labeler;
mod watch;

use crate::demo::journal::{Journal, Leftovers, Step};
use crate::environment::Environment;
use crate::process::{self, Deadline};
use crate::progress;
use crate::setup::{self, Accelerator, Part};
use crate::strategy::Strategy;
use anyhow::{Context, Result, ensure};
use case::{Case, Membership};
use clap::Args;
use disturbance::{Disturbed, Undisturbed};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

/// What to kill, and how often.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Kills in all: a fifth of them hit the labeler; of the rest a third the coordinator, the others workers.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    kills: u32,
    /// Decides whom, when and how.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// Only this strategy.
    #[arg(long, value_enum, value_name = "STRATEGY")]
    strategy: Option<Strategy>,
    /// File for the figures.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Folder for data and runs. Default: runs/chaos.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Where everything is.
#[derive(Debug)]
struct Place {
    programs: PathBuf,
    folder: PathBuf,
}

impl Place {
    fn stentor(&self, subcommand: &str) -> Command {
        let mut command = Command::new(self.programs.join("stentor"));
        command.arg(subcommand).env("STENTOR_LOG", "error");
        command
    }
}

pub(crate) fn run(environment: &Environment, options: &Options) -> Result<()> {
    setup::run(environment, &[Part::Libtorch(Accelerator::Cpu), Part::Python, Part::Asterisk])?;
    let programs = progress::step("build the programs", || environment.build_programs())?;
    let default = || environment.root.join("runs/chaos");
    let out = options.out.clone().unwrap_or_else(default);
    let folder = std::path::absolute(&out).with_context(|| format!("{} is no folder", out.display()))?;
    let place = Place { programs, folder };
    prepare(environment, &place)?;

    let of_labeler = options.kills.div_ceil(5);
    let strategies: Vec<Strategy> =
        Strategy::ALL.into_iter().filter(|s| options.strategy.is_none_or(|only| only == *s)).collect();
    let cases = strategies.len() as u32 * Membership::ALL.len() as u32;
    let of_runs = options.kills.saturating_sub(of_labeler);
    let mut shares = (0..cases).map(|n| (of_runs + n) / cases);
    println!("\n{}", Disturbed::HEAD);
    let (mut undisturbed_run, mut runs) = (None, Vec::new());
    for strategy in strategies {
        let fixed = Case { strategy, membership: Membership::Fixed };
        let undisturbed =
            progress::step(&format!("{} undisturbed", fixed.name()), || fixed.undisturbed(&place))?;
        for membership in Membership::ALL {
            let case = Case { strategy, membership };
            let kills = shares.next().unwrap_or(0);
            let seed = options.seed.wrapping_mul(1000).wrapping_add(runs.len() as u64);
            let disturbed = disturbance::run(&place, case, kills, seed, &undisturbed)?;
            println!("{disturbed}");
            runs.push(disturbed);
        }
        undisturbed_run.get_or_insert(undisturbed);
    }
    let labeled = match &undisturbed_run {
        Some(Undisturbed { run, .. }) => labeler::run(&place, run, of_labeler, options.seed)?,
        None => false,
    };
    println!("labeler: {of_labeler} kills, {}", if labeled { "the same bytes" } else { "OTHER BYTES" });
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&figures(&runs, of_labeler, labeled))? + "\n";
        std::fs::write(file, text)
            .with_context(|| format!("cannot write the figures to {}", file.display()))?;
    }
    let broken: Vec<&str> = runs.iter().filter(|run| !run.holds()).map(|run| run.name.as_str()).collect();
    ensure!(broken.is_empty() && labeled, "a promise was broken: {}", broken.join(", "));
    Ok(())
}

/// The small corpus, in shards small enough for the labeler to be killed between two of them.
fn prepare(environment: &Environment, place: &Place) -> Result<()> {
    let data = place.folder.join("data");
    let mut command = place.stentor("prepare");
    command.arg("--corpus").arg(environment.corpora().join("asterisk")).arg("--out").arg(&data);
    command.arg("--aligner").arg(environment.aligner());
    command.args([
        "--annotated",
        "0.4",
        "--dev",
        "0.15",
        "--test",
        "0.15",
        "--seed",
        "1",
        "--row-group-frames",
        "512",
        "--shard-frames",
        "1024",
    ]);
    let inputs = format!("{command:?}");
    let step = Step { name: "prepare", inputs, output: &data, leftovers: Leftovers::Resume };
    Journal::open(&place.folder)?.step(&step, || process::run(&mut command, Deadline::minutes(10)))?;
    Ok(())
}

fn figures(runs: &[Disturbed], of_labeler: u32, labeled: bool) -> Value {
    let total = |of: fn(&Disturbed) -> u64| runs.iter().map(of).sum::<u64>();
    let longest = runs.iter().map(|r| r.longest_stall_s).fold(0.0, f64::max);
    json!({
        "kills": {
            "worker": total(|r| r.worker_kills),
            "coordinator": total(|r| r.coordinator_kills),
            "labeler": of_labeler,
        },
        "stops": total(|r| r.stops),
        "digest_equal": runs.iter().all(|r| r.digest_equal != Some(false)),
        "labels_equal": labeled,
        "batches_lost": total(|r| r.batches_lost),
        "batches_repeated": total(|r| r.batches_repeated),
        "longest_stall_s": longest,
        "stall_bound_s": runs.iter().map(|r| r.stall_bound_s).fold(0.0, f64::max),
        "invariant_violations": total(|r| r.invariant_violations),
        "params": case::PARAMETERS,
        "runs": runs,
    })
}
