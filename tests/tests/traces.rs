//! A collector of OpenTelemetry is told of a run: one trace for each round, made by all processes together.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use stentor_tests::cluster::Cluster;
use stentor_tests::{corpus, events, wait_for, write_experiment};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// Spans with the program that sent them.
#[derive(Debug, Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Span)>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            let program =
                text(&resource.resource.unwrap_or_default().attributes, "service.name").unwrap_or_default();
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.0.lock().unwrap().extend(spans.map(|span| (program.clone(), span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// A collector that listens until the test ends.
fn collector() -> (Collector, SocketAddr) {
    let collector = Collector::default();
    let service = TraceServiceServer::new(collector.clone());
    let (told, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            told.send(listener.local_addr().unwrap()).unwrap();
            let server = tonic::transport::Server::builder().add_service(service);
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
    });
    (collector, address.recv().unwrap())
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|a| a.key == key)?.value.as_ref()?.value.as_ref()?;
    match found {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

#[test]
fn every_round_is_one_trace_with_the_spans_of_coordinator_reducer_and_workers() {
    let (folder, _) = corpus();
    let sections = "[schedule]\npasses = 4\nlearning_rate = 0.01\n[exchange]\nstrategy = \"gtc\"\n[exchange.gtc]\n\
                    warmup_dense = 0.0\nwarmup_falling = 0.0\n[cluster]\nworkers = 2\n";
    let experiment = write_experiment(folder.path(), "traced-7", sections);
    let run = folder.path().join("traced-7");
    let (collector, address) = collector();
    let url = format!("http://{address}");
    let cluster = Cluster::start(&experiment, 2, &[("STENTOR_OTLP", &url)]);
    wait_for("the end of the run", || run.join("summary.json").exists());
    let rounds: Vec<_> = events(&run).into_iter().filter(|event| event["event"] == "round").collect();
    let roots = || collector.0.lock().unwrap().iter().filter(|(_, span)| span.name == "round").count();
    wait_for("the last spans", || roots() >= rounds.len());
    let applied = || collector.0.lock().unwrap().iter().filter(|(_, span)| span.name == "apply").count();
    wait_for("the workers' last spans", || applied() >= 2 * rounds.len());
    drop(cluster);

    let mut traces = BTreeMap::<Vec<u8>, Vec<(String, Span)>>::new();
    for (program, span) in collector.0.lock().unwrap().drain(..) {
        traces.entry(span.trace_id.clone()).or_default().push((program, span));
    }
    assert_eq!(traces.len(), rounds.len(), "one trace for each round");
    let mut numbers = BTreeSet::new();
    for trace in traces.values() {
        let root: Vec<_> = trace.iter().filter(|(_, span)| span.parent_span_id.is_empty()).collect();
        assert_eq!(root.len(), 1, "{root:?}");
        let (program, root) = root[0];
        assert_eq!((program.as_str(), root.name.as_str()), ("coordinator", "round"));
        numbers.insert(text(&root.attributes, "stentor.round").unwrap().parse::<u64>().unwrap());
        let ids: BTreeSet<_> = trace.iter().map(|(_, span)| &span.span_id).collect();
        assert_eq!(ids.len(), trace.len(), "ids are unlike");
        for (_, span) in trace {
            assert!(span.span_id == root.span_id || span.parent_span_id == root.span_id, "{span:?}");
            assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
        }
        for identity in ["worker-0", "worker-1"] {
            let own = trace.iter().filter(|(program, span)| {
                program == "worker" && text(&span.attributes, "stentor.identity").as_deref() == Some(identity)
            });
            let names: BTreeSet<_> = own.map(|(_, span)| span.name.as_str()).collect();
            assert_eq!(
                names,
                BTreeSet::from(["apply", "compute", "encode", "fetch", "send", "wait"]),
                "{identity}"
            );
        }
        assert!(trace.iter().any(|(program, span)| program == "coordinator" && span.name == "gather"));
    }
    let expected: BTreeSet<_> = rounds.iter().map(|round| round["round"].as_u64().unwrap()).collect();
    assert_eq!(numbers, expected);
    let reduced = traces.values().filter(|trace| trace.iter().any(|(_, span)| span.name == "reduce")).count();
    let signs = rounds.iter().filter(|round| round["encoding"]["kind"] == "threshold").count();
    assert!(signs > 0 && reduced == signs, "{reduced} of {signs} sums of signs");
}

#[test]
fn a_collector_that_is_not_there_holds_nobody_up() {
    let (folder, _) = corpus();
    let experiment =
        write_experiment(folder.path(), "unheard", "[schedule]\npasses = 1\n[cluster]\nworkers = 1\n");
    let run = folder.path().join("unheard");
    let cluster = Cluster::start(&experiment, 1, &[("STENTOR_OTLP", "http://127.0.0.1:9")]);
    wait_for("the end of the run", || run.join("summary.json").exists());
    drop(cluster);
    let log = std::fs::read_to_string(experiment.with_extension("log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
}
