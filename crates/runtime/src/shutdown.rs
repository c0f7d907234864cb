use std::future;
use std::io;
use std::sync::mpsc;
use std::thread;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Notifies a program of a request to stop. Clones see the same request.
#[derive(Debug, Clone)]
pub struct Shutdown {
    requested: watch::Receiver<bool>,
}

/// Requests the shutdown of its [`Shutdown`]. Dropping it without use requests nothing.
#[derive(Debug)]
pub struct Trigger {
    request: watch::Sender<bool>,
}

impl Shutdown {
    /// Listens for SIGTERM and SIGINT. The first requests an orderly stop; the second, of either kind, ends the
    /// process at once with 128 + its number, whatever the program is doing. After this function has returned, no
    /// signal is missed.
    ///
    /// Needs no tokio runtime: a separate thread handles the signals, so that a long computation or a blocked runtime
    /// cannot prevent a stop. If the system refuses the handlers, this is logged, and the signals have their default
    /// effect.
    #[must_use]
    pub fn listen() -> Shutdown {
        let (trigger, shutdown) = Shutdown::manual();
        let (registered, registration) = mpsc::channel();
        let thread = thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let handlers = match register() {
                Ok(handlers) => handlers,
                Err(error) => return drop(registered.send(Err(error))),
            };
            drop(registered.send(Ok(())));
            wait_twice(handlers, trigger);
        });
        let outcome = thread.and_then(|_| {
            registration.recv().unwrap_or_else(|_| Err(io::Error::other("the signal thread ended")))
        });
        if let Err(error) = outcome {
            tracing::error!(%error, "signals will end this process without an orderly stop");
        }
        shutdown
    }

    /// A shutdown that code requests instead of signals: for tests, and for parts of a program.
    #[must_use]
    pub fn manual() -> (Trigger, Shutdown) {
        let (request, requested) = watch::channel(false);
        (Trigger { request }, Shutdown { requested })
    }

    /// Returns when the stop is requested; at once if it already is. Safe to drop and call again.
    pub async fn requested(&self) {
        let mut requested = self.requested.clone();
        if requested.wait_for(|requested| *requested).await.is_err() {
            // The trigger was dropped, so no request can come any more.
            future::pending::<()>().await;
        }
    }

    /// Whether the stop has been requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.requested.borrow()
    }
}

impl Trigger {
    /// Requests the stop. Repeated requests have no further effect.
    pub fn request(&self) {
        self.request.send_replace(true);
    }
}

struct Handlers {
    runtime: tokio::runtime::Runtime,
    terminate: Signal,
    interrupt: Signal,
}

fn register() -> io::Result<Handlers> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let context = runtime.enter();
    let terminate = signal(SignalKind::terminate())?;
    let interrupt = signal(SignalKind::interrupt())?;
    drop(context);
    Ok(Handlers { runtime, terminate, interrupt })
}

fn wait_twice(handlers: Handlers, trigger: Trigger) {
    let Handlers { runtime, mut terminate, mut interrupt } = handlers;
    runtime.block_on(async move {
        let first = next(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = name(first), "stopping in an orderly way; a second signal stops at once");
        trigger.request();
        let second = next(&mut terminate, &mut interrupt).await;
        tracing::warn!(signal = name(second), "second signal: stopping at once");
        exit_now(128 + second.as_raw_value());
    });
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> SignalKind {
    tokio::select! {
        _ = terminate.recv() => SignalKind::terminate(),
        _ = interrupt.recv() => SignalKind::interrupt(),
    }
}

fn name(kind: SignalKind) -> &'static str {
    if kind == SignalKind::terminate() { "SIGTERM" } else { "SIGINT" }
}

/// Ends the process without exit handlers and destructors of static data. Other threads may still be running in
/// libraries (libtorch), which these would destroy while in use; and the exit must not hang.
fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions; it ends the process and does not return. Standard error is not buffered,
    // so no log line is lost.
    unsafe { libc::_exit(code) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    /// Whether a minute passes without the stop being asked for; the clock is paused, and moves on by itself.
    async fn waits(shutdown: &Shutdown) -> bool {
        timeout(Duration::from_secs(60), shutdown.requested()).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_told_once_the_stop_is_asked_for() {
        let (trigger, shutdown) = Shutdown::manual();
        let other = shutdown.clone();
        let waiting = tokio::spawn(async move { other.requested().await });
        assert!(!shutdown.is_requested() && waits(&shutdown).await);
        trigger.request();
        trigger.request();
        waiting.await.unwrap();
        assert!(shutdown.is_requested());
        shutdown.requested().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_trigger_that_goes_away_asks_for_nothing() {
        let (trigger, shutdown) = Shutdown::manual();
        drop(trigger);
        assert!(waits(&shutdown).await && !shutdown.is_requested());
    }
}
