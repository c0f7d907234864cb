use crate::Error;
use crate::access::{Access, Guarded};
use crate::block;
use crate::claim::{LINEAGES, claim, refuse_occupied};
use crate::engine::Engine;
use crate::gauges::Gauges;
use crate::holders::Holders;
use crate::inspect::dev_frames;
use crate::listener::{Listener, MOST_MESSAGE_BYTES, server};
use crate::marker::Marker;
use crate::options::{Options, Start};
use crate::orders::Orders;
use crate::publish::{self, Asked, Publisher};
use crate::reducer::{RangeReducer, ReducerService, Reducers};
use crate::resume::{Resumed, conclude, concluded, newest_state, template};
use crate::scalars::Scalars;
use crate::service::Service;
use crate::signing::{Known, Manifests, report_forged};
use crate::spans::RoundSpans;
use crate::start::Started;
use crate::watch::Watch;
use crate::{pause, switch};
use bytes::Bytes;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use stentor_checkpoint::{FINAL, Manifest};
use stentor_dataset::Dataset;
use stentor_exchange::ranges;
use stentor_experiment::{Experiment, Source};
use stentor_page::{Note, Setting};
use stentor_proto::v1::coordinator_server::CoordinatorServer;
use stentor_proto::v1::reducer_server::ReducerServer;
use stentor_rounds::{Command, Core, Event, Input, Settings};
use stentor_runlog::{EVENTS, EventLog, Summary};
use stentor_runtime::tls::{Refusals, Tls};
use stentor_runtime::{Readiness, Shutdown, Tokens, metrics};
use stentor_store::Store;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_stream::Stream;
use tonic::transport::server::Connected;

/// How long a reducer that is asked to stop waits for calls that are about to end.
const LAST_CALLS: Duration = Duration::from_secs(1);

/// Runs a coordinator on `listener` until the run has ended.
///
/// # Errors
/// Any [`Error`]; [`Error::Interrupted`] after a signal.
pub async fn serve(options: Options, listener: Listener, shutdown: &Shutdown) -> Result<Summary, Error> {
    let tls = listener.tls.clone();
    serve_behind(|| listener.open(), options, tls, shutdown).await
}

/// Like [`serve`], on `connections` that do not come from a listener, for example of a simulated network. Callers are not
/// authenticated.
///
/// # Errors
/// As [`serve`].
pub async fn serve_over<C>(
    connections: impl Stream<Item = io::Result<C>> + Send + 'static,
    options: Options,
    shutdown: &Shutdown,
) -> Result<Summary, Error>
where
    C: Connected + AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let everybody = Access::new(None, Tokens::default(), Refusals::default());
    serve_behind(|| (everybody, connections), options, None, shutdown).await
}

/// `open` is called when everything is ready for workers. `tls`: for the connections to separate reducers.
async fn serve_behind<C, I>(
    open: impl FnOnce() -> (Access, I),
    options: Options,
    tls: Option<Tls>,
    shutdown: &Shutdown,
) -> Result<Summary, Error>
where
    C: Connected + AsyncRead + AsyncWrite + Send + Unpin + 'static,
    I: Stream<Item = io::Result<C>> + Send + 'static,
{
    let Options { experiment, start, progress, signing, page } = options;
    experiment.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    let dataset = Dataset::open(&experiment).await?;
    block::too_long(&experiment, dataset.plan()).iter().for_each(|warning| tracing::warn!("{warning}"));
    let run = Store::open(&experiment.run.output)?;
    let known = match start {
        Start::Fresh => Known::fresh(signing),
        Start::Resume => Known::of_resumed(&run, &experiment, signing).await?,
    };
    if start == Start::Resume
        && let Some(summary) = concluded(&run, &experiment, &known).await?
    {
        metrics::finished(1);
        tracing::warn!(
            checkpoint = summary.checkpoint,
            "the run was finished before; its output is left as it is"
        );
        return Ok(summary);
    }
    stentor_runtime::watch_disk("run", &experiment.run.output);
    if start == Start::Fresh {
        refuse_occupied(&run, &experiment).await?;
    }
    dataset.warnings(&experiment).iter().for_each(|warning| tracing::warn!("{warning}"));
    let started_from = Started::open(&run, start, &experiment, &dataset, &known).await?;
    let dataset = Arc::new(match &started_from {
        Some(model) => dataset.seen_with(model.normalisation.clone()),
        None => dataset,
    });
    let origin = started_from.as_ref().map(|model| &model.origin);
    let Resumed { newest, digest, forged, tally, strategy_before } = match start {
        Start::Fresh => Resumed::default(),
        Start::Resume => newest_state(&run, &experiment, &dataset, origin, &known).await?,
    };
    let strategy = experiment.exchange.strategy;
    let (paused, wanted) = match start {
        Start::Fresh => (None, None),
        Start::Resume => {
            let last = switch::Record::read(&run).await?;
            (
                pause::Record::read(&run).await?,
                switch::Record::newer(last, strategy, strategy_before.is_some()),
            )
        }
    };
    if let Some(wanted) = &wanted {
        let valid = experiment.validate_for(wanted.to);
        valid.map_err(|source| Error::Experiment {
            path: format!("{}/switch.json", experiment.run.output),
            source,
        })?;
    }
    let incarnation = claim(&run).await?;
    let start_digest = started_from.as_ref().and_then(|model| model.digest);
    let signed = known.begin(&run, &experiment.run.name, start_digest).await?;
    if let Some(model) = &started_from {
        model.keep(&run).await?;
    }
    stentor_checkpoint::sweep(&run).await;
    run.child(EVENTS).sweep("").await;
    let experiment_toml = experiment.to_toml();
    run.put("experiment.toml", Bytes::from(experiment_toml.clone())).await?;
    switch::set(&run, wanted.as_ref()).await?;

    let manifest = dataset.manifest();
    let (inputs, senones) = (manifest.dimension, manifest.senones.len());
    let parameters = experiment.model.architecture.parameter_count(inputs, senones);
    let run_id = format!("{}-{incarnation}", experiment.run.name);
    let (plan, has_dev) = (dataset.plan().clone(), dataset.dev().is_some());
    let first_lineage = incarnation * LINEAGES;
    let dev_frames = dev_frames(&dataset);
    let experiment_of_run = experiment.clone();
    let settings =
        Settings { experiment: experiment_of_run, plan, parameters, has_dev, dev_frames, first_lineage };
    let setting = Setting {
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
    let mut refused = Vec::new();
    if let Some(signed) = &signed {
        (events, refused) = signed.log(&run, events).await?;
    }
    for event in report_forged(forged, refused) {
        events.record(&event);
        page.tell(|| Note::Event(event, 0));
    }
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
    let asked = strategy_before.filter(|_| wanted.as_ref().is_some_and(|wanted| wanted.to == strategy));
    if let Some(before) = &asked {
        let command = format!("switch to {}", strategy.name());
        let event = Event::Commanded { command, caller: switch::THE_FILE.to_owned(), address: None };
        events.record(&event);
        page.tell(|| Note::Event(event, 0));
        tracing::info!(before, now = strategy.name(), "the experiment file asks for a switch");
    }
    let template = Manifest {
        previous: newest.as_ref().map(|(name, _)| name.clone()),
        ..template(&experiment, &dataset, &run_id, origin)
    };
    let restored = newest.as_ref().map(|(name, _)| name.clone()).zip(digest);
    let manifests = signed.as_ref().map(|signed| Manifests::of(signed, restored));
    let started = Instant::now();
    let (commands, inbox) = mpsc::channel(256);
    // Without separate reducers, this process sums everything.
    let own = experiment.exchange.reducers.is_empty();
    let own = own.then(|| Arc::new(RangeReducer::new(&experiment, run.clone(), 0, 0..parameters)));
    let (reducers, set_aside) = match &own {
        Some(reducer) => Reducers::own(Arc::clone(reducer)),
        None => Reducers::separate(&experiment, &run_id, tls.as_ref(), &commands)?,
    };
    let (under_way, last_writes) = mpsc::channel(1);
    let mut core = Core::new(settings, newest, 0);
    if let Some(switch::Record { to: strategy, by, .. }) = wanted {
        core.step(0, Input::Command { command: Command::Switch { strategy }, by });
    }
    if let Some(pause::Record { by, .. }) = paused {
        tracing::warn!(by, "the run is paused; `stentor resume` ends the pause");
        core.step(0, Input::Command { command: Command::Pause, by });
    }
    let engine = Engine {
        core,
        run_id: run_id.clone(),
        run_url: experiment.run.output.clone(),
        experiment: Arc::new(experiment.clone()),
        experiment_toml,
        dataset: Arc::clone(&dataset),
        reducers,
        parameters,
        joins: HashMap::new(),
        holders: Holders::default(),
        waiting: HashMap::new(),
        attendants: HashMap::new(),
        orders: Orders::new(Marker::new(run.clone())),
        commands: commands.clone(),
        manifests,
        publisher: Publisher {
            run: run.clone(),
            template,
            keep: experiment.checkpoint.keep as usize,
            incarnation,
            under_way,
            asked: asked.map(|before| Asked { to: strategy, before, since: None }),
            signed: signed.clone(),
        },
        events,
        logged: Instant::now(),
        looked: Instant::now(),
        tally,
        gauges: Gauges::new(&experiment),
        progress,
        page,
        spans: RoundSpans::new(&experiment.run.name),
        scalars,
        watch: Watch::default(),
        started,
    };
    let service = Service::new(commands, &run_id, experiment.clone(), Arc::clone(&dataset));
    let (stop, stopped) = oneshot::channel::<()>();
    let (access, connections) = open();
    stentor_runtime::is_now(Readiness::Ready);
    let reducer =
        own.map(|reducer| reducer_server(ReducerService::own(reducer, &experiment.run.name), &access));
    let service = CoordinatorServer::new(service).max_decoding_message_size(MOST_MESSAGE_BYTES);
    let server = server()
        .add_service(access.guard(service))
        .add_optional_service(reducer)
        .serve_with_incoming_shutdown(connections, async {
            let _ = stopped.await;
        });
    let server = tokio::spawn(server);
    let (outcome, mut events, tally) = engine.run(inbox, set_aside, shutdown).await;
    stentor_runtime::is_now(Readiness::Stopping);
    let _ = stop.send(());
    publish::ended(last_writes).await;
    events.flush().await?;
    // Members leave on open connections; the wait for them is short.
    if let Ok(Ok(ended)) = tokio::time::timeout(Duration::from_secs(3), server).await {
        ended?;
    }
    conclude(outcome, &run, &experiment, &tally, (signed.as_ref(), &events)).await
}

/// Runs reducer number `index` of the experiment's `exchange.reducers` on `listener` until a signal arrives.
///
/// # Errors
/// [`Error::NoSuchReducer`]; [`Error::Data`] where the features, which tell the model's size, cannot be read.
pub async fn serve_reducer(
    experiment: &Experiment,
    index: usize,
    listener: Listener,
    shutdown: &Shutdown,
) -> Result<(), Error> {
    let reducers = experiment.exchange.reducers.len();
    if index >= reducers {
        return Err(Error::NoSuchReducer { index, reducers });
    }
    let dataset = Dataset::open(experiment).await?;
    let manifest = dataset.manifest();
    let parameters =
        experiment.model.architecture.parameter_count(manifest.dimension, manifest.senones.len());
    let range = ranges(parameters, reducers).swap_remove(index);
    tracing::info!(index, ?range, "summing");
    let run = Store::open(&experiment.run.output)?;
    let reducer = Arc::new(RangeReducer::new(experiment, run.clone(), index, range));
    let (access, connections) = listener.open();
    stentor_runtime::is_now(Readiness::Ready);
    let served = server()
        .add_service(reducer_server(ReducerService::separate(reducer, &experiment.run.name), &access))
        .serve_with_incoming_shutdown(connections, shutdown.requested());
    tokio::select! {
        served = served => served?,
        // The coordinator's call stays open for as long as the run; whoever waits for a sum stages once more with the next process.
        () = async {
            shutdown.requested().await;
            tokio::time::sleep(LAST_CALLS).await;
        } => {}
    }
    // It serves one run after another; what it was needed for is done if this one has its result.
    match run.exists(FINAL).await {
        Ok(true) => Ok(()),
        _ => Err(Error::Interrupted),
    }
}

fn reducer_server(service: ReducerService, access: &Access) -> Guarded<ReducerServer<ReducerService>> {
    access.guard(ReducerServer::new(service).max_decoding_message_size(MOST_MESSAGE_BYTES))
}
