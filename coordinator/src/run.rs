use crate::Error;
use crate::access::{Access, Guarded};
use crate::core::{Core, Event, Outcome, Saved, Settings};
use crate::engine::Engine;
use crate::events::EventLog;
use crate::gauges::Gauges;
use crate::page::{self, Note, Page};
use crate::publish::Publisher;
use crate::reducer::{RangeReducer, ReducerService};
use crate::scalars::Scalars;
use crate::service::Service;
use crate::spans::RoundSpans;
use crate::summary::{Summary, Tally};
use crate::watch::Watch;
use bytes::Bytes;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use stentor_checkpoint::{Manifest, ModelDescription, Normalisation};
use stentor_dataset::Dataset;
use stentor_exchange::ranges;
use stentor_experiment::{Experiment, Source};
use stentor_proto::v1::coordinator_server::CoordinatorServer;
use stentor_proto::v1::reducer_server::ReducerServer;
use stentor_runtime::tls::{Listening, Refusals, Tls, incoming};
use stentor_runtime::{Shutdown, Token, metrics};
use stentor_store::{Put, Store};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// Folder of the claims on a run.
const INCARNATIONS: &str = "incarnations";

/// How far a run is; sent at every round's end.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Progress {
    /// The schedule's clock.
    pub committed_frames: u64,
    /// Its end.
    pub total_frames: u64,
    /// Source of the closed round.
    pub source: &'static str,
    /// Its loss, nats a frame.
    pub loss: f64,
}

/// Whether earlier state is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The output must hold no run.
    Fresh,
    /// Go on from the newest valid checkpoint; begin where there is none.
    Resume,
}

/// What a coordinator is started with.
#[derive(Debug)]
pub struct Options {
    /// The experiment, locations made absolute.
    pub experiment: Experiment,
    /// Fresh or resumed.
    pub start: Start,
    /// Where rounds' ends are told, if anywhere.
    pub progress: Option<mpsc::UnboundedSender<Progress>>,
    /// The page that shows the run, if one does.
    pub page: Option<Page>,
}

/// A server's door: where it listens, and who may come in.
#[derive(Debug)]
pub struct Gate {
    /// Bound already.
    pub listener: TcpListener,
    /// None: everybody who reaches the listener may train.
    pub tls: Option<Tls>,
    /// Opens what is for people to who has no admin's certificate; without certificates, it is demanded there.
    pub token: Option<Token>,
}

impl Gate {
    /// What judges calls, and how connections are made.
    fn split(self) -> (Access, TcpListener, Listening) {
        let refusals = Refusals::default();
        let cluster = self.tls.as_ref().and_then(Tls::identity).map(|own| own.cluster);
        let access = Access::new(cluster, self.token, refusals.clone());
        (access, self.listener, Listening { tls: self.tls, refusals })
    }
}

/// Reads an experiment file; relative locations in it are meant from its own folder.
///
/// # Errors
/// [`Error::Read`] and [`Error::Experiment`] with the path.
pub fn read_experiment(path: &Path) -> Result<Experiment, Error> {
    let shown = path.display().to_string();
    let read = |source| Error::Read { path: shown.clone(), source };
    let text = std::fs::read_to_string(path).map_err(read)?;
    let folder = std::path::absolute(path).map_err(read)?;
    let folder = folder.parent().map(|p| p.display().to_string()).unwrap_or_default();
    let experiment =
        Experiment::parse(&text).map_err(|source| Error::Experiment { path: shown.clone(), source })?;
    Ok(experiment.rebased(&folder))
}

/// Runs a coordinator behind `gate` until the run is over.
///
/// # Errors
/// Any [`Error`]; [`Error::Interrupted`] after a signal.
pub async fn serve(options: Options, gate: Gate, shutdown: &Shutdown) -> Result<Summary, Error> {
    let Options { experiment, start, progress, page } = options;
    let dataset = Arc::new(Dataset::open(&experiment).await?);
    let run = Store::open(&experiment.run.output)?;
    if start == Start::Resume
        && let Some(summary) = concluded(&run, &experiment).await?
    {
        metrics::finished(1);
        tracing::info!(checkpoint = summary.checkpoint, "the run is finished; its output is left as it is");
        return Ok(summary);
    }
    stentor_runtime::watch_disk("run", &experiment.run.output);
    let (newest, tally) = match start {
        Start::Fresh => {
            refuse_occupied(&run, &experiment).await?;
            (None, Tally::default())
        }
        Start::Resume => newest_state(&run, &experiment, &dataset).await?,
    };
    let incarnation = claim(&run).await?;
    let experiment_toml = experiment.to_toml();
    run.put("experiment.toml", Bytes::from(experiment_toml.clone())).await?;

    let manifest = dataset.manifest();
    let (inputs, senones) = (manifest.dimension, manifest.senones.len());
    let parameters = experiment.model.parameters(inputs, senones);
    let run_id = format!("{}-{incarnation}", experiment.run.name);
    let settings = Settings {
        plan: dataset.plan().clone(),
        has_dev: dataset.dev().is_some(),
        first_lineage: incarnation * 1000,
        experiment: experiment.clone(),
        #[cfg(any(test, feature = "simulation"))]
        bug: None,
    };
    let setting = page::Setting {
        run_id: run_id.clone(),
        experiment: experiment.clone(),
        parameters,
        pass_frames: Source::ALL.map(|source| settings.plan.frames_of_a_pass(source)),
    };
    let page = page.map(|page| page.open(setting, run.clone(), incarnation)).unwrap_or_default();
    let mut scalars = experiment.run.tensorboard.then(|| {
        let two_sources = experiment.data.unannotated.is_some();
        let (total_frames, schedule) = (settings.plan.total_frames(), &experiment.schedule);
        Scalars::new(&run, incarnation, parameters, total_frames, schedule, two_sources)
    });
    let mut events = EventLog::new(&run, incarnation);
    if start == Start::Resume {
        let saved = newest.as_ref().map(|(_, saved)| saved);
        let event = Event::FellBack {
            lineage: settings.first_lineage,
            round: saved.map_or(0, |saved| saved.round),
            checkpoint: newest.as_ref().map(|(name, _)| name.clone()),
            committed_frames: Some(saved.map_or(0, |saved| saved.position.committed_frames())),
            reason: "the coordinator was started again".into(),
        };
        events.record(&event);
        if let Some(scalars) = &mut scalars {
            scalars.record(&event, SystemTime::now());
        }
        page.tell(|| Note::Event(event, 0));
    }
    let template = Manifest {
        previous: newest.as_ref().map(|(name, _)| name.clone()),
        ..template(&experiment, &dataset, &run_id)
    };
    let started = Instant::now();
    let (commands, inbox) = mpsc::channel(256);
    let engine = Engine {
        core: Core::new(settings, newest, 0),
        run_id: run_id.clone(),
        run_url: experiment.run.output.clone(),
        experiment_toml,
        parameters,
        joins: HashMap::new(),
        waiting: HashMap::new(),
        attendants: HashMap::new(),
        commands: commands.clone(),
        publisher: Publisher {
            run: run.clone(),
            template,
            keep: experiment.checkpoint.keep as usize,
            incarnation,
        },
        events,
        tally,
        gauges: Gauges::new(),
        progress,
        page,
        spans: RoundSpans::new(&experiment.run.name),
        scalars,
        watch: Watch::default(),
        started,
    };
    let service = Service::new(commands, &run_id, experiment.clone(), Arc::clone(&dataset));
    let (stop, stopped) = oneshot::channel::<()>();
    let (access, listener, listening) = gate.split();
    // Without reducers of their own, this process sums all.
    let reducer = experiment.exchange.reducers.is_empty().then(|| {
        let reducer = RangeReducer::new(&experiment, run.clone(), 0, 0..parameters);
        reducer_server(reducer, &experiment.run.name, &access)
    });
    let service = CoordinatorServer::new(service).max_decoding_message_size(MOST_MESSAGE_BYTES);
    let server = server()
        .add_service(access.guard(service))
        .add_optional_service(reducer)
        .serve_with_incoming_shutdown(incoming(listener, listening), async {
            let _ = stopped.await;
        });
    let server = tokio::spawn(server);
    let finished = tokio::select! {
        finished = engine.run(inbox) => Some(finished),
        () = shutdown.requested() => None,
    };
    let _ = stop.send(());
    let Some((outcome, mut events, tally)) = finished else { return Err(Error::Interrupted) };
    events.flush().await?;
    // Members say good-bye on open connections; nobody is waited for long.
    if let Ok(Ok(ended)) = tokio::time::timeout(Duration::from_secs(3), server).await {
        ended?;
    }
    conclude(outcome, &run, &experiment, &tally).await
}

/// Runs reducer number `index` of the experiment's `exchange.reducers` behind `gate` until a signal asks for the end.
///
/// # Errors
/// [`Error::NoSuchReducer`]; [`Error::Data`] where the features, which tell the model's size, cannot be read.
pub async fn serve_reducer(
    experiment: &Experiment,
    index: usize,
    gate: Gate,
    shutdown: &Shutdown,
) -> Result<(), Error> {
    let reducers = experiment.exchange.reducers.len();
    if index >= reducers {
        return Err(Error::NoSuchReducer { index, reducers });
    }
    let dataset = Dataset::open(experiment).await?;
    let manifest = dataset.manifest();
    let parameters = experiment.model.parameters(manifest.dimension, manifest.senones.len());
    let range = ranges(parameters, reducers).swap_remove(index);
    tracing::info!(index, ?range, "summing");
    let run = Store::open(&experiment.run.output)?;
    let reducer = RangeReducer::new(experiment, run, index, range);
    let (access, listener, listening) = gate.split();
    server()
        .add_service(reducer_server(reducer, &experiment.run.name, &access))
        .serve_with_incoming_shutdown(incoming(listener, listening), shutdown.requested())
        .await?;
    Ok(())
}

/// Larger messages are refused before they are read. Parts of payloads have half of it.
const MOST_MESSAGE_BYTES: usize = 2 << 20;

/// Calls that are open at once on a connection. A worker has five at most.
const MOST_STREAMS: u32 = 64;

/// What every gRPC server of a run has in common.
fn server() -> tonic::transport::Server {
    tonic::transport::Server::builder()
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(4 << 20)
        .max_concurrent_streams(MOST_STREAMS)
        .http2_max_header_list_size(16 << 10)
        .http2_keepalive_interval(Some(Duration::from_secs(5)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
}

fn reducer_server(
    reducer: RangeReducer,
    run: &str,
    access: &Access,
) -> Guarded<ReducerServer<ReducerService>> {
    let service = ReducerService::new(Arc::new(reducer), run);
    access.guard(ReducerServer::new(service).max_decoding_message_size(MOST_MESSAGE_BYTES))
}

async fn conclude(
    outcome: Outcome,
    run: &Store,
    experiment: &Experiment,
    tally: &Tally,
) -> Result<Summary, Error> {
    let checkpoint = match outcome {
        Outcome::Finished { checkpoint } => checkpoint,
        Outcome::LostQuorum { reason } => return Err(Error::LostQuorum(reason)),
        Outcome::BadData { reason } => return Err(Error::BadData(reason)),
        Outcome::Replaced { by } => return Err(Error::Replaced { by }),
        Outcome::Disagreement { reason } => return Err(Error::Disagreement(reason)),
        Outcome::NonFinite { reason } => return Err(Error::NonFinite(reason)),
        Outcome::Broken { reason } => return Err(Error::Broken(reason)),
    };
    stentor_checkpoint::deploy(run, &checkpoint).await?;
    let manifest = stentor_checkpoint::load_manifest(run, &checkpoint).await?;
    let dev = manifest.dev.map(|d| d.frame_error);
    metrics::finished(1);
    let summary = tally.summary(&experiment.run.name, experiment.exchange.strategy.name(), &checkpoint, dev);
    if let Ok(json) = serde_json::to_vec_pretty(&summary) {
        run.put("summary.json", json.into()).await?;
    }
    Ok(summary)
}

/// The summary of a run that is finished, and of this very experiment: a longer one goes on.
async fn concluded(run: &Store, experiment: &Experiment) -> Result<Option<Summary>, Error> {
    for name in ["experiment.toml", "summary.json"] {
        if !run.exists(name).await? {
            return Ok(None);
        }
    }
    let same = run.get("experiment.toml").await? == experiment.to_toml();
    let summary = serde_json::from_slice(&run.get("summary.json").await?);
    Ok(summary.ok().filter(|_| same))
}

/// A fresh run needs an output of its own.
async fn refuse_occupied(run: &Store, experiment: &Experiment) -> Result<(), Error> {
    if run.list(INCARNATIONS).await?.is_empty() {
        return Ok(());
    }
    let output = experiment.run.output.clone();
    let text = run.get("experiment.toml").await.unwrap_or_default();
    let found = Experiment::parse(&String::from_utf8_lossy(&text));
    Err(Error::Occupied { output, run: found.map_or_else(|_| "unknown".into(), |e| e.run.name) })
}

/// The highest incarnation that has claimed the run; 0: none.
pub(crate) async fn newest_claim(run: &Store) -> Result<u64, stentor_store::Error> {
    let taken = run.child(INCARNATIONS).list("").await?;
    Ok(taken.iter().filter_map(|name| name.parse::<u64>().ok()).max().unwrap_or(0))
}

/// Makes this process the only coordinator of the run: an epoch object is created once, by one of them.
async fn claim(run: &Store) -> Result<u64, Error> {
    let mut incarnation = newest_claim(run).await? + 1;
    let epochs = run.child(INCARNATIONS);
    loop {
        let claim = Bytes::from(format!("process {}\n", std::process::id()));
        match epochs.put_once(&format!("{incarnation:06}"), claim).await? {
            Put::Created => return Ok(incarnation),
            Put::AlreadyThere => incarnation += 1,
        }
    }
}

/// The newest valid checkpoint of this very run.
async fn newest_state(
    run: &Store,
    experiment: &Experiment,
    dataset: &Dataset,
) -> Result<(Option<(String, Saved)>, Tally), Error> {
    let newest = stentor_checkpoint::newest_valid(run).await?;
    for broken in &newest.broken {
        tracing::warn!(checkpoint = broken.name, reason = %broken.error, "checkpoint passed over");
    }
    let Some(manifest) = newest.manifest else {
        tracing::info!("no checkpoint to resume from: starting at the beginning");
        return Ok((None, Tally::default()));
    };
    let output = experiment.run.output.clone();
    let expected = template(experiment, dataset, "");
    let other = |expected: String, found: String| Error::OtherRun { output: output.clone(), expected, found };
    if manifest.model != expected.model {
        return Err(other(format!("{:?}", expected.model), format!("{:?}", manifest.model)));
    }
    if manifest.features_fingerprint != expected.features_fingerprint {
        let named = |fingerprint: &str| format!("features {fingerprint}");
        return Err(other(named(&expected.features_fingerprint), named(&manifest.features_fingerprint)));
    }
    if manifest.strategy != expected.strategy {
        return Err(other(expected.strategy, manifest.strategy));
    }
    let state =
        |reason: String| Error::State { output: output.clone(), checkpoint: manifest.name.clone(), reason };
    let mut both: crate::publish::State =
        serde_json::from_value(manifest.coordinator.clone()).map_err(|e| state(e.to_string()))?;
    both.core.position.check(dataset.plan()).map_err(|e| state(e.to_string()))?;
    if let Some((best, _)) = both.core.best.clone().filter(|(best, _)| *best != manifest.name) {
        match stentor_checkpoint::load_manifest(run, &best).await {
            Ok(_) => {}
            Err(error) if error.is_damage() => both.core.forget_best(),
            Err(error) => return Err(error.into()),
        }
    }
    tracing::info!(checkpoint = manifest.name, committed_frames = manifest.committed_frames, "resuming");
    Ok((Some((manifest.name.clone(), both.core)), both.tally))
}

/// All that is the same in every manifest of a run.
fn template(experiment: &Experiment, dataset: &Dataset, run_id: &str) -> Manifest {
    let features = dataset.manifest();
    Manifest {
        schema_version: stentor_checkpoint::SCHEMA_VERSION,
        run_id: run_id.to_owned(),
        total_frames: dataset.plan().total_frames(),
        strategy: experiment.exchange.strategy.name().to_owned(),
        model: ModelDescription {
            model: serde_json::to_value(experiment.model.resolved()).unwrap_or_default(),
            inputs: features.dimension,
            senones: features.senones.len(),
        },
        features_fingerprint: features.inputs_fingerprint(),
        features: serde_json::to_value(&features.settings).unwrap_or_default(),
        senones: serde_json::to_value(&features.senones).unwrap_or_default(),
        normalisation: features
            .normalisation
            .as_ref()
            .map(|n| Normalisation { mean: n.mean.clone(), std: n.std.clone() }),
        ..Manifest::default()
    }
}
