//! A cluster on a simulated network: the real coordinator and the real workers, each a host with a clock of its own that
//! only moves when all hosts have nothing left to do.

use crate::wire;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use stentor_coordinator::{Progress, Start, read_experiment, serve_over};
use stentor_runtime::Shutdown;
use stentor_runtime::tls::channel_by;
use stentor_shards::FeatureManifest;
use stentor_tests::{audit, deployed_bytes, events, write_experiment};
use stentor_worker::{Lines, run_over};
use tempfile::TempDir;
use tokio::sync::mpsc;
use turmoil::Sim;
use turmoil::net::TcpListener;

pub(crate) const COORDINATOR: &str = "coordinator";
/// They join in the order of their names: so each has the slot of its number.
pub(crate) const WORKERS: [&str; 3] = ["worker-0", "worker-1", "worker-2"];

/// How far all hosts go before messages are looked at again.
const TICK: Duration = Duration::from_millis(10);
/// What nothing takes longer than.
const PATIENCE: Duration = Duration::from_secs(900);

/// A folder with data, runs beside them, and what the data are.
pub(crate) type Corpus = (TempDir, FeatureManifest);

/// A run in the making.
pub(crate) struct World<'a> {
    pub(crate) sim: Sim<'static>,
    /// For messages.
    pub(crate) name: String,
    run: PathBuf,
    data: &'a FeatureManifest,
    progress: mpsc::UnboundedReceiver<Progress>,
    /// That have closed, those that are void by now among them.
    pub(crate) rounds: u64,
    /// The newest of them was the last one of the run.
    pub(crate) is_done: bool,
}

/// A run that came to its end.
pub(crate) struct Ended {
    pub(crate) name: String,
    pub(crate) events: Vec<Value>,
    /// The parameters to deploy.
    pub(crate) deployed: Vec<u8>,
}

impl<'a> World<'a> {
    /// A coordinator and its workers at the beginning of a run. The network's delays are drawn
    /// from `seed`: at least 30 ms a message, 110 ms on average, 430 ms at most.
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
            let options = stentor_coordinator::Options { experiment, start: Start::Resume, progress, page };
            coordinator(options)
        });
        WORKERS.into_iter().for_each(|identity| sim.host(identity, move || worker(identity)));
        Self { sim, name: format!("{name}, seed {seed}"), run, data, progress, rounds: 0, is_done: false }
    }

    /// Lets a tick pass.
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

    /// Lets `time` pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.sim.elapsed() + time;
        while self.sim.elapsed() < until {
            self.step();
        }
    }

    /// Lets time pass until `condition` holds.
    pub(crate) fn until(&mut self, what: &str, condition: impl Fn(&mut Self) -> bool) {
        let patience = self.sim.elapsed() + PATIENCE;
        while !condition(self) {
            if self.sim.elapsed() > patience {
                self.fail(&format!("waited {} s for {what}", PATIENCE.as_secs()));
            }
            self.step();
        }
    }

    /// Checkpoints that are published.
    pub(crate) fn checkpoints(&self) -> usize {
        let folders = std::fs::read_dir(self.run.join("checkpoints")).into_iter().flatten().flatten();
        folders.filter(|folder| folder.path().join("manifest.json").is_file()).count()
    }

    /// Lets the run come to its end. Every program must have ended well, and each batch have counted exactly once.
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
    let lines = Lines::by(|url| channel_by(url, wire::connect));
    let options = stentor_worker::Options {
        coordinator: format!("http://{COORDINATOR}:{}", wire::PORT),
        identity: identity.to_owned(),
        device: "cpu".to_owned(),
        threads: 1,
        tls: None,
        cache: None,
        cache_size: 0,
        metrics: None,
        patience_s: 300.0,
    };
    let (_trigger, shutdown) = Shutdown::manual();
    run_over(&lines, &options, &shutdown).await?;
    Ok(())
}

impl Ended {
    /// Slots that contributed to each round, in the order of time.
    pub(crate) fn contributors(&self) -> Vec<Vec<u64>> {
        let rounds = self.events.iter().filter(|event| event["event"] == "round");
        let slots = |event: &Value| {
            event["contributors"].as_array().unwrap().iter().map(|slot| slot.as_u64().unwrap()).collect()
        };
        rounds.map(slots).collect()
    }

    /// Why each member went that did not finish the run, in words.
    pub(crate) fn losses(&self) -> Vec<&str> {
        let changes = self.events.iter().filter(|event| event["event"] == "members");
        let reasons = changes.map(|event| event["reason"].as_str().unwrap());
        reasons
            .filter(|reason| reason.contains(" left: ") && !reason.ends_with("the run is finished"))
            .collect()
    }

    /// The checkpoints that the run went back to, each with the reason; none: the beginning.
    pub(crate) fn returns(&self) -> Vec<(Option<&str>, &str)> {
        let returns = self.events.iter().filter(|event| event["event"] == "fell-back");
        returns.map(|event| (event["checkpoint"].as_str(), event["reason"].as_str().unwrap())).collect()
    }
}
