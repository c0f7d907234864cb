use crate::{disk, memory, metrics};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{Encoder, TextEncoder};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;

/// Serves `/metrics`, `/healthz` and the program's own routes from a separate thread until it is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    pub(super) fn start(
        listener: TcpListener,
        registry: prometheus::Registry,
        more: Router,
    ) -> io::Result<Listener> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let (stop, stopped) = oneshot::channel();
        let (started, start) = mpsc::channel();
        // The runtime is created and dropped in the thread, because a runtime must not be dropped within another one.
        let thread = thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(error))),
            };
            runtime.block_on(async move {
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => {
                        drop(started.send(Ok(())));
                        serve(listener, registry, more, stopped).await;
                    }
                    Err(error) => drop(started.send(Err(error))),
                }
            });
        })?;
        start.recv().unwrap_or_else(|_| Err(io::Error::other("the metrics listener's thread ended")))?;
        Ok(Listener { address, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the metrics listener's thread panicked");
        }
    }
}

/// Serves until `stopped`. Open connections are then closed at once, so that a scraper cannot delay the program's end.
async fn serve(
    listener: tokio::net::TcpListener,
    registry: prometheus::Registry,
    more: Router,
    stopped: oneshot::Receiver<()>,
) {
    let router = Router::new()
        .route("/metrics", get(move || async move { exposition(&registry) }))
        .route("/healthz", get(|| async { "ok\n" }))
        .merge(more);
    tokio::select! {
        _ = stopped => {}
        outcome = axum::serve(listener, router).into_future() => {
            if let Err(error) = outcome {
                tracing::error!(%error, "the metrics listener failed");
            }
        }
    }
}

fn exposition(registry: &prometheus::Registry) -> Response {
    if let Some(bytes) = memory::peak_rss_bytes() {
        metrics::peak_memory(bytes);
    }
    disk::measure();
    let mut text = Vec::new();
    let encoder = TextEncoder::new();
    match encoder.encode(&registry.gather(), &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot write metrics as text");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("cannot write metrics as text: {error}\n"))
                .into_response()
        }
    }
}
