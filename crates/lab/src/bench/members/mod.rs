//! Clusters of many members: a real coordinator, separate reducers, and whole workers, many of which share a process
//! (`worker/examples/members.rs`). They train a small model to the end over gRPC on loopback, and the ledger is audited.

mod crowd;

use super::figures::Figures;
use anyhow::{Context, Result, ensure};
use crowd::{Crowd, Ports};
use serde::Serialize;
use serde_json::{Map, Value};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use stentor_output::Verdict;
use stentor_runlog::Event;
use stentor_tasks::options::bench::Members;
use stentor_tasks::process::{self, Deadline};
use stentor_tasks::{Environment, create_folder, progress, remove_folder};

/// Passes over the data; their number of utterances is chosen so that there are as many rounds as asked for.
const PASSES: u64 = 4;
/// Batches in an utterance, nearly: some 100 frames in chunks of 50, which are cut at another place in each pass.
const BATCHES_PER_UTTERANCE: u64 = 2;
/// How much longer a run is of which half of the members die and come back.
const LONGER: u64 = 4;
/// Closed rounds before they die.
const BEFORE: u64 = 5;

/// A run that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Dense,
    Gtc,
    /// As GTC; half of the members die at once in the middle, and are started again.
    Half,
}

impl Case {
    fn name(self) -> &'static str {
        match self {
            Case::Dense => "dense",
            Case::Gtc => "gtc",
            Case::Half => "half_killed",
        }
    }

    /// The strategy, without a warm-up that sends all values.
    fn exchange(self) -> &'static str {
        match self {
            Case::Dense => "strategy = \"dense\"\n",
            Case::Gtc | Case::Half => {
                "strategy = \"gtc\"\n[exchange.gtc]\nwarmup_dense = 0.0\nwarmup_falling = 0.0\n"
            }
        }
    }
}

/// What one run has shown.
#[derive(Debug, Serialize)]
struct Measured {
    /// From the start of the workers' processes until all are members.
    join_s: f64,
    /// From then until the first round has closed: data, model, connections to reducers.
    first_round_s: f64,
    /// Median of the time between two closed rounds.
    round_s: f64,
    rounds: u64,
    /// Of the coordinator: largest resident memory, and most open descriptors.
    rss_mb: f64,
    descriptors: u64,
    /// Of the reducer that has the most.
    reducer_rss_mb: f64,
    reducer_descriptors: u64,
    /// From the death of half of the members until the next round has closed, and until all are members again after they
    /// were started.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_death_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    back_s: Option<f64>,
    ledger_clean: bool,
}

pub(super) fn run(environment: &Environment, programs: &Path, options: &Members) -> Result<Figures> {
    let folder = environment.target.join("bench-members");
    let mut cases = vec![Case::Dense, Case::Gtc];
    cases.extend(options.kill_half.then_some(Case::Half));
    let mut sizes = Map::new();
    println!("{HEAD}");
    for &members in &options.members {
        let (mut of_size, mut whole) = (Map::new(), Vec::new());
        for &case in &cases {
            let found = progress::step(&format!("{members} members, {}", case.name()), || {
                measure(&folder.join(format!("{members}-{}", case.name())), programs, members, case, options)
            })?;
            println!("{}", row(members, case, &found));
            of_size.insert(case.name().to_owned(), serde_json::to_value(&found)?);
        }
        for key in ["join_s", "round_s", "rss_mb", "descriptors"] {
            let of = |found: &Value| found[key].as_f64().unwrap_or_default();
            let worst =
                of_size.values().max_by(|a, b| of(a).total_cmp(&of(b))).map(|found| found[key].clone());
            whole.push((key.to_owned(), worst.unwrap_or_default()));
        }
        of_size.extend(whole);
        sizes.insert(members.to_string(), Value::Object(of_size));
    }
    Ok(Map::from_iter([("sizes".to_owned(), Value::Object(sizes))]))
}

const HEAD: &str = "| members | run | all joined s | first round s | a round s | coordinator MB | its descriptors | a reducer MB | \
                    its descriptors | next round after half died s | all back s |\n|---|---|---|---|---|---|---|---|---|---|---|";

fn row(members: usize, case: Case, found: &Measured) -> String {
    let shown = |seconds: Option<f64>| seconds.map_or_else(String::new, |seconds| format!("{seconds:.1}"));
    format!(
        "| {members} | {} | {:.1} | {:.1} | {:.3} | {:.0} | {} | {:.0} | {} | {} | {} |",
        case.name(),
        found.join_s,
        found.first_round_s,
        found.round_s,
        found.rss_mb,
        found.descriptors,
        found.reducer_rss_mb,
        found.reducer_descriptors,
        shown(found.after_death_s),
        shown(found.back_s)
    )
}

fn measure(
    folder: &Path,
    programs: &Path,
    members: usize,
    case: Case,
    options: &Members,
) -> Result<Measured> {
    remove_folder(folder)?;
    create_folder(folder)?;
    let longer = if case == Case::Half { LONGER } else { 1 };
    let batches = options.rounds * longer * members as u64;
    let utterances = (batches / (PASSES * BATCHES_PER_UTTERANCE)).max(16).to_string();
    let mut write = Command::new(programs.join("examples/members"));
    process::run(write.arg("data").arg(folder.join("data")).arg(utterances), Deadline::minutes(10))?;
    let ports = Ports::free(options.reducers)?;
    let experiment = folder.join("members.toml");
    let text = experiment_file(members, &ports.reducers, case.exchange());
    std::fs::write(&experiment, text).with_context(|| format!("cannot write {}", experiment.display()))?;

    let mut crowd = Crowd::start(programs, &experiment, &ports, members)?;
    let started = Instant::now();
    crowd.wait("all have joined", |crowd| crowd.members() == Some(members))?;
    let join_s = started.elapsed().as_secs_f64();
    crowd.wait("the first round", |crowd| crowd.round() >= Some(1))?;
    let first_round_s = started.elapsed().as_secs_f64() - join_s;
    let (mut after_death_s, mut back_s) = (None, None);
    if case == Case::Half {
        crowd.wait("some rounds", |crowd| crowd.round() >= Some(BEFORE))?;
        let killed = Instant::now();
        let left = crowd.kill_half()?;
        crowd.wait("only half are members", |crowd| crowd.members() == Some(left))?;
        let round = crowd.round();
        crowd.wait("another round", |crowd| crowd.round() > round)?;
        after_death_s = Some(killed.elapsed().as_secs_f64());
        let again = Instant::now();
        crowd.start_missing()?;
        crowd.wait("all are members again", |crowd| crowd.members() == Some(members))?;
        back_s = Some(again.elapsed().as_secs_f64());
    }
    let used = crowd.finish()?;
    let run = folder.join("run");
    let events = crate::runs::events(&run)?;
    let times = closed_at(&events);
    Ok(Measured {
        join_s,
        first_round_s,
        round_s: round_seconds(&times).context("expected two rounds at least, found fewer")?,
        rounds: times.len() as u64,
        rss_mb: used.coordinator.rss_mb,
        descriptors: used.coordinator.descriptors,
        reducer_rss_mb: used.reducers.rss_mb,
        reducer_descriptors: used.reducers.descriptors,
        after_death_s,
        back_s,
        ledger_clean: audit(programs, &run)?,
    })
}

fn experiment_file(members: usize, reducers: &[u16], exchange: &str) -> String {
    let urls: Vec<String> = reducers.iter().map(|port| format!("\"http://127.0.0.1:{port}\"")).collect();
    format!(
        "[run]\nname = \"members\"\noutput = \"run\"\n[data]\nannotated = \"data\"\n[features]\nmel_bins = 8\n\
         [model]\nlayers = 1\nwidth = 64\n[batch]\nchunks = 1\nunit_batches = 4\n\
         [schedule]\npasses = {PASSES}\nlearning_rate = 0.001\n[optimizer]\nkind = \"sgd\"\n\
         [cluster]\nworkers = {members}\n[checkpoint]\ncount = 2\n[exchange]\nreducers = [{}]\n{exchange}",
        urls.join(", ")
    )
}

/// When each round closed.
fn closed_at(events: &[Event]) -> Vec<u64> {
    events
        .iter()
        .filter_map(|event| if let Event::Round { at_ms, .. } = event { Some(*at_ms) } else { None })
        .collect()
}

/// Median of the time between two closed rounds, in seconds.
fn round_seconds(closed_at_ms: &[u64]) -> Option<f64> {
    let mut between: Vec<u64> = closed_at_ms.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
    between.sort_unstable();
    between.get(between.len() / 2).map(|ms| *ms as f64 / 1e3)
}

/// Whether each batch of the finished run counted once. Fails unless it did.
fn audit(programs: &Path, run: &Path) -> Result<bool> {
    let mut command = Command::new(programs.join("stentor"));
    let said =
        process::output(command.args(["ledger", "audit", "--json"]).arg(run).env("STENTOR_LOG", "error"))?;
    let verdict: Verdict = serde_json::from_str(&said).context("expected an audit as JSON")?;
    ensure!(verdict.clean, "{} is not clean: {said}", run.display());
    Ok(true)
}

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(30 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_experiment::Experiment;

    #[test]
    fn every_case_is_a_valid_experiment() {
        for case in [Case::Dense, Case::Gtc, Case::Half] {
            let text = experiment_file(500, &[7501, 7502], case.exchange());
            let experiment = Experiment::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", case.name()));
            assert_eq!((experiment.cluster.workers, experiment.exchange.reducers.len()), (500, 2));
        }
    }

    #[test]
    fn a_rounds_time_is_the_median_between_two_ends() {
        assert_eq!(round_seconds(&[100, 200, 350, 2000]), Some(0.15));
        assert_eq!(round_seconds(&[100]), None);
    }
}
