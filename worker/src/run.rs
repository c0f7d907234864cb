use crate::client::{Client, Doing};
use crate::end::End;
use crate::session::Session;
use crate::{Connector, Error, Options};
use std::time::Duration;
use stentor_acoustic::Device;
use stentor_proto::v1;
use stentor_runtime::Shutdown;
use stentor_runtime::tls::{Role, Tls};
use stentor_store::Cache;

/// Pause before joining again. A signal to stop that reached this worker and its coordinator at the same time is handled
/// meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

/// The parts of a worker that do not depend on the run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own<'a> {
    pub(crate) identity: &'a str,
    pub(crate) device: Device,
    /// Caches what is read from stores on the network.
    pub(crate) cache: Option<&'a Cache>,
}

/// Joins, trains, and joins again after a dismissal, until the run is finished or a signal stops the worker.
///
/// # Errors
/// Any [`Error`] that joining again does not solve.
pub async fn run(options: &Options, shutdown: &Shutdown) -> Result<(), Error> {
    let tls = options.tls.as_deref().map(|folder| Tls::for_client(folder, Role::Worker)).transpose()?;
    run_over(&Connector::of(tls), options, shutdown).await
}

/// Like [`run`], with connections opened by `connector`, for example to a simulated network.
///
/// # Errors
/// As [`run`].
pub async fn run_over(connector: &Connector, options: &Options, shutdown: &Shutdown) -> Result<(), Error> {
    let threads = threads(options.threads);
    let chosen = stentor_acoustic::choose_device(&options.device)?;
    stentor_acoustic::set_threads(threads)?;
    tracing::info!(device = ?chosen.device, why = chosen.why, threads, identity = options.identity, "ready");
    let cache = options.cache();
    let own = Own { identity: &options.identity, device: chosen.device, cache: cache.as_ref() };
    let mut client = Client::new(&options.coordinator, connector.clone())?;
    let patience = Duration::from_secs_f64(options.patience_s.clamp(0.0, 1e6));
    loop {
        let doing = Doing::default();
        doing.now("joining".into());
        let reply = tokio::select! {
            reply = client.join(&options.identity, patience) => reply?,
            () = shutdown.requested() => return Ok(()),
        };
        let assignment = stentor_proto::required(reply.assignment.as_ref(), "assignment")?;
        let run_id = stentor_proto::required(assignment.fence.as_ref(), "fence")?.run_id.clone();
        let first = v1::Heartbeat {
            run_id: run_id.clone(),
            identity: options.identity.clone(),
            session: reply.session,
            doing: "loading".into(),
        };
        let every = Duration::from_secs_f64(reply.heartbeat_s.clamp(0.05, 60.0));
        // Must live until the leave call is answered: if it ends first, the coordinator assumes that the worker died,
        // and ignores the leave call and its reason.
        let mut attendance;
        let result = match client.attend(first, every, doing.clone()).await {
            Ok(begun) => {
                attendance = begun;
                Session::train(&mut client, own, reply, &doing, &mut attendance, shutdown).await
            }
            Err(error) => Err(error),
        };
        match result {
            Ok(End::Finished) => {
                client.leave(&run_id, &options.identity, "the run is finished", false).await;
                return Ok(());
            }
            Ok(End::Shutdown { lost_norm }) => {
                let reason = if lost_norm == 0.0 {
                    "asked to stop by a signal".to_owned()
                } else {
                    format!("asked to stop by a signal; a residual of norm {lost_norm:e} is lost")
                };
                client.leave(&run_id, &options.identity, &reason, false).await;
                tracing::info!(lost_norm, "left the run after a stop signal");
                return Ok(());
            }
            // The coordinator was asked to stop as well, and was faster.
            Err(Error::SessionOver(reason)) if shutdown.is_requested() => {
                tracing::info!(reason, "session over; left by request");
                return Ok(());
            }
            Err(Error::SessionOver(reason)) => tokio::select! {
                biased;
                () = shutdown.requested() => {
                    tracing::info!(reason, "session over; asked to stop");
                    return Ok(());
                }
                () = tokio::time::sleep(PAUSE) => tracing::warn!(reason, "session over; joining again"),
            },
            Err(error) => {
                // Another worker would fail at the same place, so the run must stop and say why. But a store that this
                // worker cannot reach may answer others.
                let fatal = match &error {
                    Error::BadBatch { .. } => true,
                    Error::Data(error) => !error.is_unreachable(),
                    _ => false,
                };
                client.leave(&run_id, &options.identity, &error.to_string(), fatal).await;
                return Err(error);
            }
        }
    }
}

/// Number of threads for arithmetic; 0 stands for one per core.
pub(crate) fn threads(asked: usize) -> usize {
    match asked {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    }
}
