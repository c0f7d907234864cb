use super::{Attribute, SPANS, Span};
use crate::error::Error;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as Message};
use std::io;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};
use tonic::transport::{Channel, Endpoint};

/// Maximum number of spans that wait to be sent; further ones are lost.
const ROOM: usize = 8192;
/// Maximum number of spans in a message.
const BATCH: usize = 1024;
const EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(3);

/// Sends spans from a separate thread until it is dropped; then it sends those that are left.
#[derive(Debug)]
pub(crate) struct Exporter {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Exporter {
    /// Starts the exporter of the process.
    pub(crate) fn start(program: &'static str, url: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Collector { found: url.to_owned(), reason };
        if !url.starts_with("http://") {
            return Err(wrong("it does not begin with http://".to_owned()));
        }
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|e| wrong(e.to_string()))?;
        let endpoint = endpoint.connect_timeout(PATIENCE).timeout(PATIENCE);
        let (spans, inbox) = mpsc::channel(ROOM);
        SPANS.set(spans).map_err(|_| Error::AlreadyInitialised)?;
        let (stop, stopped) = oneshot::channel();
        let work = move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(export(program, &endpoint, inbox, stopped)),
            Err(error) => tracing::error!(%error, "cannot send spans"),
        };
        let thread = thread::Builder::new().name("spans".to_owned()).spawn(work);
        let thread = thread.map_err(|error: io::Error| wrong(error.to_string()))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that sends spans panicked");
        }
    }
}

async fn export(
    program: &'static str,
    endpoint: &Endpoint,
    mut inbox: mpsc::Receiver<Span>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut client = TraceServiceClient::new(endpoint.connect_lazy());
    let mut reached = true;
    loop {
        let last = tokio::select! {
            _ = &mut stopped => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        while let Some(request) = batch(program, &mut inbox) {
            match send(&mut client, request).await {
                Ok(()) => reached = true,
                // Log it once, not every second.
                Err(reason) if reached => {
                    tracing::warn!(
                        reason,
                        "the collector does not accept spans; they are lost until it does"
                    );
                    reached = false;
                }
                Err(_) => {}
            }
            if last && !reached {
                return;
            }
        }
        if last {
            return;
        }
    }
}

async fn send(
    client: &mut TraceServiceClient<Channel>,
    request: ExportTraceServiceRequest,
) -> Result<(), String> {
    let reply = client.export(request).await.map_err(|status| status.message().to_owned())?;
    match reply.into_inner().partial_success {
        Some(partial) if partial.rejected_spans > 0 => {
            Err(format!("{} spans were rejected: {}", partial.rejected_spans, partial.error_message))
        }
        _ => Ok(()),
    }
}

/// The spans that have arrived, as many as fit into one message.
fn batch(program: &'static str, inbox: &mut mpsc::Receiver<Span>) -> Option<ExportTraceServiceRequest> {
    let spans: Vec<Message> = std::iter::from_fn(|| inbox.try_recv().ok()).take(BATCH).map(message).collect();
    if spans.is_empty() {
        return None;
    }
    let resource = Resource {
        attributes: vec![
            attribute("service.namespace", Attribute::Text("stentor".into())),
            attribute("service.name", Attribute::Text(program.into())),
            attribute("service.version", Attribute::Text(env!("CARGO_PKG_VERSION").into())),
            attribute("process.pid", Attribute::Count(std::process::id().into())),
        ],
        ..Resource::default()
    };
    let scope = InstrumentationScope { name: "stentor".into(), ..InstrumentationScope::default() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let resource_spans = ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
    Some(ExportTraceServiceRequest { resource_spans: vec![resource_spans] })
}

fn message(span: Span) -> Message {
    let Span { round, id, name, start, took, attributes } = span;
    let is_root = id == round.root;
    Message {
        trace_id: round.trace.to_vec(),
        span_id: id.to_vec(),
        parent_span_id: if is_root { Vec::new() } else { round.root.to_vec() },
        name: name.to_owned(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: nanoseconds(start),
        end_time_unix_nano: nanoseconds(start + took),
        attributes: attributes.into_iter().map(|(key, value)| attribute(key, value)).collect(),
        ..Message::default()
    }
}

fn attribute(key: &str, value: Attribute) -> KeyValue {
    use any_value::Value;
    let value = match value {
        Attribute::Count(count) => Value::IntValue(i64::try_from(count).unwrap_or(i64::MAX)),
        Attribute::Number(number) => Value::DoubleValue(number),
        Attribute::Text(text) => Value::StringValue(text),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn nanoseconds(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
