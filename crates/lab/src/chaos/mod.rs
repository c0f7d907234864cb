//! `cargo xtask chaos`: real programs on real speech that are killed again and again, with cut links and full disks.
//! With `fixed` the parameters must have the bits of an undisturbed run at the end, with `elastic` the ledger must be
//! clean; the labeler must write the same bytes.

mod case;
mod cluster;
mod disk;
mod disturbance;
mod labeler;
mod place;
mod watch;

use crate::corpora;
use crate::journal::{Journal, Leftovers, Step};
use anyhow::{Context, Result, ensure};
use case::{Case, Membership};
use disk::{FullDisk, Whose};
use disturbance::{Disturbed, Harm, Plan, Undisturbed};
use place::Place;
use serde_json::{Value, json};
use std::path::Path;
use stentor_tasks::Strategy;
use stentor_tasks::options::chaos::{Disturbance, Options};
use stentor_tasks::process::{self, Deadline};
use stentor_tasks::progress;
use stentor_tasks::{Corpus, Environment};

pub(crate) fn run(environment: &Environment, programs: &Path, options: &Options) -> Result<()> {
    let default = || environment.root.join("runs/chaos");
    let out = options.out.clone().unwrap_or_else(default);
    let folder = std::path::absolute(&out).with_context(|| format!("{} is not a folder", out.display()))?;
    let place = Place { programs: programs.to_owned(), folder };
    prepare(environment, &place)?;

    let is_wanted = |harm| options.only.is_empty() || options.only.contains(&harm);
    let mut found = Found::default();
    if is_wanted(Disturbance::Kills) {
        kills(&place, options, &mut found)?;
    }
    if is_wanted(Disturbance::Cuts) {
        cuts(&place, options, &mut found)?;
    }
    if is_wanted(Disturbance::FullDisks) {
        full_disks(&place, options, &mut found)?;
    }
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&found.figures())? + "\n";
        std::fs::write(file, text)
            .with_context(|| format!("cannot write the figures to {}", file.display()))?;
    }
    found.judge()
}

/// All results.
#[derive(Debug, Default)]
struct Found {
    /// Runs with kills.
    runs: Vec<Disturbed>,
    labeler_kills: u32,
    /// Whether the labels are equal to those of an undisturbed labeler.
    labels_equal: Option<bool>,
    cut: Vec<Disturbed>,
    full_disks: Vec<FullDisk>,
}

fn strategies(options: &Options) -> impl Iterator<Item = Strategy> {
    Strategy::ALL.into_iter().filter(|s| options.strategy.is_none_or(|only| only == *s))
}

fn undisturbed(place: &Place, strategy: Strategy, disturbances: u32) -> Result<Undisturbed> {
    let fixed = Case { strategy, membership: Membership::Fixed, disturbances };
    progress::step(&format!("{} undisturbed", fixed.name()), || fixed.undisturbed(place))
}

fn kills(place: &Place, options: &Options, found: &mut Found) -> Result<()> {
    let of_labeler = options.kills.div_ceil(5);
    let cases = (strategies(options).count() * Membership::ALL.len()) as u32;
    let of_runs = options.kills.saturating_sub(of_labeler);
    let mut shares = (0..cases).map(|n| (of_runs + n) / cases);
    let most = of_runs.div_ceil(cases);
    println!("\n{}", Disturbed::HEAD);
    let mut teacher = None;
    for strategy in strategies(options) {
        let undisturbed = undisturbed(place, strategy, most)?;
        for membership in Membership::ALL {
            let case = Case { strategy, membership, disturbances: most };
            let plan = Plan::Kills(shares.next().unwrap_or(0));
            let seed = options.seed.wrapping_mul(1000).wrapping_add(found.runs.len() as u64);
            let disturbed = disturbance::run(place, case, plan, seed, &undisturbed)?;
            println!("{disturbed}");
            found.runs.push(disturbed);
        }
        teacher.get_or_insert(undisturbed.run);
    }
    let teacher = teacher.context("at least one strategy is trained")?;
    let same = labeler::run(place, &teacher, of_labeler, options.seed)?;
    println!("labeler: {of_labeler} kills, {}", if same { "the same bytes" } else { "DIFFERENT BYTES" });
    (found.labeler_kills, found.labels_equal) = (of_labeler, Some(same));
    Ok(())
}

/// A strategy with residuals, unless another one is requested.
fn one_strategy(options: &Options) -> Strategy {
    options.strategy.unwrap_or(Strategy::Gtc)
}

fn cuts(place: &Place, options: &Options, found: &mut Found) -> Result<()> {
    let strategy = one_strategy(options);
    let disturbances = options.cuts;
    let undisturbed = undisturbed(place, strategy, disturbances)?;
    println!("\n{}", Disturbed::HEAD);
    for membership in Membership::ALL {
        let case = Case { strategy, membership, disturbances };
        let disturbed = disturbance::run(place, case, Plan::Cuts(options.cuts), options.seed, &undisturbed)?;
        println!("{disturbed}");
        found.cut.push(disturbed);
    }
    Ok(())
}

fn full_disks(place: &Place, options: &Options, found: &mut Found) -> Result<()> {
    let strategy = one_strategy(options);
    let undisturbed = undisturbed(place, strategy, 0)?;
    for membership in Membership::ALL {
        for whose in [Whose::Worker, Whose::Coordinator] {
            let case = Case { strategy, membership, disturbances: 0 };
            found.full_disks.push(disk::train(place, case, whose, &undisturbed)?);
        }
    }
    found.full_disks.push(disk::label(place, &undisturbed.run)?);
    found.full_disks.iter().for_each(|full| println!("{full}"));
    Ok(())
}

/// Prepares the small corpus, with shards so small that the labeler can be killed between two of them.
fn prepare(environment: &Environment, place: &Place) -> Result<()> {
    let data = place.folder.join("data");
    corpora::make(environment, Corpus::Asterisk)?;
    let mut command = place.stentor("prepare");
    command.arg("--corpus").arg(Corpus::Asterisk.folder(environment)).arg("--out").arg(&data);
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
        "--replace",
    ]);
    let inputs = format!("{command:?}");
    let step = Step { name: "prepare", inputs, output: &data, leftovers: Leftovers::Resume };
    Journal::open(&place.folder)?.step(&step, || process::run(&mut command, Deadline::minutes(10)))?;
    Ok(())
}

impl Found {
    fn figures(&self) -> Value {
        let all = || self.runs.iter().chain(&self.cut);
        let total = |of: fn(&Disturbed) -> u64| all().map(of).sum::<u64>();
        let harm = |of: fn(&Harm) -> u64| all().map(|run| of(&run.harm)).sum::<u64>();
        json!({
            "kills": {
                "worker": harm(|harm| harm.worker_kills),
                "coordinator": harm(|harm| harm.coordinator_kills),
                "reducer": harm(|harm| harm.reducer_kills),
                "labeler": self.labeler_kills,
            },
            "half_kills": harm(|harm| harm.half_kills),
            "stops": harm(|harm| harm.stops),
            "reducer_stops": harm(|harm| harm.reducer_stops),
            "terminations": harm(|harm| harm.terminations),
            "cuts": harm(|harm| harm.cuts),
            "digest_equal": all().all(|r| r.digest_equal != Some(false)),
            "labels_equal": self.labels_equal,
            "batches_lost": total(|r| r.batches_lost),
            "batches_repeated": total(|r| r.batches_repeated),
            "longest_stall_s": all().map(|r| r.longest_stall_s).fold(0.0, f64::max),
            "stall_bound_s": all().map(|r| r.stall_bound_s).fold(0.0, f64::max),
            "invariant_violations": total(|r| r.invariant_violations),
            "params": case::PARAMETERS,
            "runs": self.runs,
            "cut": self.cut,
            "full_disks": self.full_disks,
        })
    }

    fn judge(&self) -> Result<()> {
        let runs = self.runs.iter().chain(&self.cut).filter(|run| !run.holds()).map(|run| run.name.as_str());
        let disks = self.full_disks.iter().filter(|full| !full.holds()).map(|full| full.name.as_str());
        let labels = (self.labels_equal == Some(false)).then_some("labels");
        let broken: Vec<&str> = runs.chain(disks).chain(labels).collect();
        ensure!(broken.is_empty(), "violated guarantees: {}", broken.join(", "));
        Ok(())
    }
}
