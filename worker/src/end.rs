use crate::Error;
use std::time::Duration;
use stentor_runtime::Shutdown;
use stentor_store::Store;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How a session ends without an error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum End {
    /// The run's last checkpoint is published.
    Finished,
    /// A signal stopped the worker. `lost_norm` is the 2-norm of the residuals, which no model contains now.
    Shutdown { lost_norm: f64 },
}

/// Pause between two checks for the last checkpoint, and how long to check after the coordinator has gone.
const LOOK: Duration = Duration::from_millis(200);
const GRACE: Duration = Duration::from_secs(3);

/// Waits until checkpoint `last`, the last one of `run`, is published. Until then the run may have to fall back and
/// needs its members, and a member that has ended without an error would not be started again. `over`: the session
/// ended before its last call was answered.
pub(crate) async fn conclude(
    run: &Store,
    last: &str,
    mut over: Option<Error>,
    dismissed: &mut mpsc::Receiver<String>,
    shutdown: &Shutdown,
) -> Result<End, Error> {
    let mut deadline = over.is_some().then(|| Instant::now() + GRACE);
    loop {
        if stentor_checkpoint::is_published(run, last).await? {
            return Ok(End::Finished);
        }
        if let Some(error) = over.take_if(|_| deadline.is_some_and(|deadline| Instant::now() >= deadline)) {
            return Err(error);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            reason = dismissed.recv(), if over.is_none() => {
                over = Some(Error::SessionOver(reason.unwrap_or_else(|| "dismissed".into())));
                deadline = Some(Instant::now() + GRACE);
            }
            () = shutdown.requested() => return Ok(End::Shutdown { lost_norm: 0.0 }),
        }
    }
}
