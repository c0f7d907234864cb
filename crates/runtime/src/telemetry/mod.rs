//! Logs to standard error and metrics for Prometheus, both from `tracing`. Set up once per process, in main.
//!
//! There are two layers with separate filters: the log layer never receives metric events, the metrics layer receives
//! nothing else, and neither filter affects the other layer.

mod listener;
mod logs;
mod pipeline;
mod routes;

use crate::error::Error;
use crate::tls::Tls;
use crate::traces::Exporter;
use axum::Router;
use listener::Listener;
use std::io::{self, IsTerminal};
use std::net::{SocketAddr, TcpListener};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub use listener::Remote;
pub use logs::LogFormat;

/// The telemetry settings that a program passes; the others come from the environment:
///
/// - `STENTOR_LOG`: what is logged, `info` by default; a level or a list like `warn,stentor_worker=debug`.
/// - `STENTOR_LOG_FORMAT`: `human` or `json` (one object per line). By default `human` on a terminal, otherwise
///   `json`.
/// - `STENTOR_OTLP`: an OpenTelemetry collector to send spans to, `http://HOST:4317`; none by default. See
///   [`traces`](crate::traces).
/// - `NO_COLOR`: no colors on a terminal either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelemetryOptions {
    /// The program's name, in human logs and in the metric `target_info`.
    pub program: &'static str,
    /// Address for `/metrics`, `/healthz` and `/readyz`; port 0 uses a free one. `None`: metrics are off.
    pub metrics: Option<SocketAddr>,
}

/// What a program serves beside `/metrics`, `/healthz` and `/readyz`, and how.
#[derive(Debug, Default)]
pub struct Serving {
    /// The program's own routes.
    pub routes: Router,
    /// The certificate of this port; plain HTTP without one. Callers present none.
    pub tls: Option<Tls>,
}

/// Active telemetry. When it is dropped, the metrics listener closes and the last spans are sent; logging continues.
#[derive(Debug)]
#[must_use = "the metrics listener closes when this is dropped"]
pub struct Telemetry {
    listener: Option<Listener>,
    /// Sends the remaining spans when it is dropped.
    _exporter: Option<Exporter>,
}

impl Telemetry {
    /// The address that serves `/metrics`, with the actual port.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.listener.as_ref().map(Listener::address)
    }
}

/// Sets up logs, and metrics if requested. Works inside and outside of a tokio runtime: the listener has its own
/// thread, so that it answers while the program computes.
///
/// # Errors
/// A filter or format in the environment that cannot be parsed, an address that cannot be used, or a second call.
pub fn init(options: TelemetryOptions) -> Result<Telemetry, Error> {
    init_serving(options, Serving::default())
}

/// Like [`init`], with the program's own routes. A thread of the listener serves them.
///
/// # Errors
/// As [`init`].
pub fn init_serving(options: TelemetryOptions, serving: Serving) -> Result<Telemetry, Error> {
    let listener = match options.metrics {
        Some(address) => {
            let bound =
                TcpListener::bind(address).map_err(|source| Error::MetricsAddress { address, source })?;
            Some(bound)
        }
        None => None,
    };
    init_with(options.program, listener, serving)
}

/// Like [`init`], with a listener that is already bound.
///
/// # Errors
/// As [`init`].
pub fn init_on(program: &'static str, metrics: TcpListener) -> Result<Telemetry, Error> {
    init_with(program, Some(metrics), Serving::default())
}

fn init_with(
    program: &'static str,
    metrics: Option<TcpListener>,
    serving: Serving,
) -> Result<Telemetry, Error> {
    let terminal = io::stderr().is_terminal();
    let format = LogFormat::choose(environment("STENTOR_LOG_FORMAT").as_deref(), terminal)?;
    let directives = environment("STENTOR_LOG").unwrap_or_else(|| "info".to_owned());
    let colours = terminal && environment("NO_COLOR").is_none();
    let logs = logs::layer::<Registry, _>(program, format, &directives, colours, io::stderr)?;

    let (layer, registry) = match &metrics {
        Some(_) => {
            let (provider, registry) = pipeline::provider(program)?;
            (Some(pipeline::layer(provider)), Some(registry))
        }
        None => (None, None),
    };
    // The metrics layer must be last: events that the pipeline itself logs while it handles an event would disturb the
    // filters of later layers for that event.
    tracing_subscriber::registry()
        .with(logs)
        .with(layer)
        .try_init()
        .map_err(|_| Error::AlreadyInitialised)?;

    let listener = match (metrics, registry) {
        (Some(bound), Some(registry)) => {
            let Serving { routes, tls } = serving;
            Some(Listener::start(bound, tls, registry, routes).map_err(Error::MetricsListener)?)
        }
        _ => None,
    };
    if let Some(listener) = &listener {
        tracing::info!(address = %listener.address(), "serving /metrics, /healthz and /readyz");
    }
    let exporter = environment("STENTOR_OTLP").map(|url| Exporter::start(program, &url)).transpose()?;
    Ok(Telemetry { listener, _exporter: exporter })
}

/// Empty counts as unset.
fn environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}
