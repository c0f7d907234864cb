//! A cluster on a simulated network: the real coordinator and the real workers, each on a host with a clock of its own
//! that only advances when no host has anything left to do.

use crate::wire;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use stentor_coordinator::{Progress, Start, read_experiment, serve_over};
use stentor_runtime::Shutdown;
use stentor_runtime::tls::channel_by;
use stentor_shards::FeatureManifest;
use stentor_tests::{audit, deployed_bytes, events, write_experiment};
use stentor_worker::{Connector, run_over};
use tempfile::TempDir;
use tokio::sync::mpsc;
use turmoil::Sim;
use turmoil::net::TcpListener;

pub(crate) const COORDINATOR: &str = "coordinator";
/// They join in the order of their names, so each has the slot of its number.
pub(crate) const WORKERS: [&str; 3] = ["worker-0", "worker-1", "worker-2"];

/// How long all hosts run before messages are delivered again.
const TICK: Duration = Duration::from_millis(10);
/// Upper bound for any wait.
const PATIENCE: Duration = Duration::from_secs(900);

/// A folder with data and the runs, and the manifest of the data.
pub(crate) type Corpus = (TempDir, FeatureManifest);

/// A run that has not ended yet.
pub(crate) struct World<'a> {
    pub(crate) sim: Sim<'static>,
    /// For messages.
    pub(crate) name: String,
    run: PathBuf,
    data: &'a FeatureManifest,
    progress: mpsc::UnboundedReceiver<Progress>,
    /// Number of closed rounds, including those that are void now.
    pub(crate) rounds: u64,
    /// Whether the last round of the run has closed.
    pub(crate) is_done: bool,
}

/// A run that has ended.
pub(crate) struct Ended {
    pub(crate) name: String,
    pub(crate) events: Vec<Value>,
    /// The parameters to deploy.
    pub(crate) deployed: Vec<u8>,
}

impl<'a> World<'a> {
    /// A coordinator and its workers at the start of a run. The network's delays are drawn from `seed`: at least 30 ms
    /// per message, 110 ms on average, 430 ms at most.
    pub(crate) fn new((folder, data): &'a Corpus, name: &str, sections: &str, seed: u64) -> Self {
        let experiment = read_experiment(&write_experiment(folder.path(), name, sections)).unwrap();
        let run = folder.path().join(name);
        let mut sim = turmoil::Builder::new()
            .rng_seed(seed)
            .simulation_duration(Duration::MAX)
            .tick_duration(TICK)
            .min_message_latency(Duration::from_millis(30))
            .max_message_latency(Duration::from_millis(430))
            .tcp_capacity(4096)
            .enable_random_order()
            .build();
        let (told, progress) = mpsc::unbounded_channel();
        sim.host(COORDINATOR, move || {
            let (experiment, progress, page) = (experiment.clone(), Some(told.clone()), None);
            let options = stentor_coordinator::Options {
                experiment,
                start: Start::Resume,
                progress,
                signing: None,
                page,
            };
            coordinator(options)
        });
        WORKERS.into_iter().for_each(|identity| sim.host(identity, move || worker(identity)));
        Self { sim, name: format!("{name}, seed {seed}"), run, data, progress, rounds: 0, is_done: false }
    }

    /// Advances the simulation by one tick.
    pub(crate) fn step(&mut self) {
        let stepped = self.sim.step();
        while let Ok(progress) = self.progress.try_recv() {
            self.rounds += 1;
            self.is_done = progress.committed_frames == progress.total_frames;
        }
        if let Err(error) = stepped {
            self.fail(&error.to_string());
        }
    }

    /// Advances the simulation by `time`.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.sim.elapsed() + time;
        while self.sim.elapsed() < until {
            self.step();
        }
    }

    /// Advances the simulation until `condition` holds.
    pub(crate) fn until(&mut self, what: &str, condition: impl Fn(&mut Self) -> bool) {
        let patience = self.sim.elapsed() + PATIENCE;
        while !condition(self) {
            if self.sim.elapsed() > patience {
                self.fail(&format!("waited {} s for {what}", PATIENCE.as_secs()));
            }
            self.step();
        }
    }

    /// Number of published checkpoints.
    pub(crate) fn checkpoints(&self) -> usize {
        let folders = std::fs::read_dir(self.run.join("checkpoints")).into_iter().flatten().flatten();
        folders.filter(|folder| folder.path().join("manifest.json").is_file()).count()
    }

    /// Runs until the end. Every program must have ended without error, and each batch must have counted exactly once.
    pub(crate) fn finish(mut self) -> Ended {
        self.until("the end", |world| {
            let mut hosts = WORKERS.into_iter().chain([COORDINATOR]);
            hosts.all(|host| !world.sim.is_host_running(host))
        });
        let findings = audit(&self.run, self.data);
        if !findings.is_clean() {
            self.fail(&format!("{findings:?}"));
        }
        Ended { events: events(&self.run), deployed: deployed_bytes(&self.run), name: self.name }
    }

    fn fail(&self, words: &str) -> ! {
        panic!(
            "{}, after {:.1} s and {} rounds: {words}",
            self.name,
            self.sim.elapsed().as_secs_f64(),
            self.rounds
        )
    }
}

async fn coordinator(options: stentor_coordinator::Options) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", wire::PORT)).await?;
    let (_trigger, shutdown) = Shutdown::manual();
    serve_over(wire::incoming(listener), options, &shutdown).await?;
    Ok(())
}

async fn worker(identity: &str) -> turmoil::Result {
    let connector = Connector::by(|url| channel_by(url, wire::connect));
    let url = format!("http://{COORDINATOR}:{}", wire::PORT);
    let options =
        stentor_worker::Options { device: "cpu".to_owned(), ..stentor_worker::Options::new(url, identity) };
    let (_trigger, shutdown) = Shutdown::manual();
    run_over(&connector, &options, &shutdown).await?;
    Ok(())
}

impl Ended {
    /// Slots that contributed to each round, in chronological order.
    pub(crate) fn contributors(&self) -> Vec<Vec<u64>> {
        let rounds = self.events.iter().filter(|event| event["event"] == "round");
        let slots = |event: &Value| {
            event["contributors"].as_array().unwrap().iter().map(|slot| slot.as_u64().unwrap()).collect()
        };
        rounds.map(slots).collect()
    }

    /// Why each member that did not finish the run was lost, in words.
    pub(crate) fn losses(&self) -> Vec<&str> {
        let changes = self.events.iter().filter(|event| event["event"] == "members");
        let reasons = changes.map(|event| event["reason"].as_str().unwrap());
        reasons
            .filter(|reason| reason.contains(" left: ") && !reason.ends_with("the run is finished"))
            .collect()
    }

    /// The checkpoints that the run fell back to, each with the reason; `None`: the start of the run.
    pub(crate) fn returns(&self) -> Vec<(Option<&str>, &str)> {
        let returns = self.events.iter().filter(|event| event["event"] == "fell-back");
        returns.map(|event| (event["checkpoint"].as_str(), event["reason"].as_str().unwrap())).collect()
    }
}
