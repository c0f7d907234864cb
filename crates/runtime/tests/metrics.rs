//! What Prometheus reads, with a real request to a real listener. Telemetry belongs to the process, so these tests
//! share one listener; each checks its own metrics or labels.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exposition.rs"]
mod exposition;
#[path = "support/processes.rs"]
mod processes;

use exposition::{Family, parse};
use processes::get;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};
use stentor_experiment::{Source, Strategy};
use stentor_runtime::metrics::{self, CATALOGUE, CheckpointEnd, Direction, Kind, MemberState, Phase};
use stentor_runtime::{Error, Telemetry, TelemetryOptions, telemetry};

fn any_port() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

fn address() -> SocketAddr {
    static TELEMETRY: OnceLock<Telemetry> = OnceLock::new();
    let telemetry = TELEMETRY.get_or_init(|| {
        telemetry::init(TelemetryOptions { program: "worker", metrics: Some(any_port()) }).unwrap()
    });
    telemetry.metrics_address().unwrap()
}

fn scrape() -> BTreeMap<String, Family> {
    let (head, body) = get(address(), "/metrics");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{head}");
    parse(&body)
}

/// Records every metric of the catalogue.
fn record_everything() {
    metrics::rounds(1, Strategy::Gtc, Source::Annotated);
    metrics::last_round_timestamp(SystemTime::now());
    metrics::frames(4096, Source::MachineLabeled);
    metrics::progress(0.25);
    metrics::finished(0);
    metrics::loss(2.5, Source::Annotated);
    metrics::frame_error(0.5, Source::Annotated);
    metrics::dev_loss(2.25);
    metrics::dev_frame_error(0.5);
    metrics::learning_rate(1e-3, Source::Annotated);
    metrics::gradient_norm(3.0);
    for phase in Phase::ALL {
        metrics::phase_time(Duration::from_millis(20), *phase);
    }
    metrics::reduction_time(Duration::from_millis(2));
    metrics::exchanged(1000, Direction::In);
    metrics::exchanged(10, Direction::Out);
    metrics::compression(100.0);
    metrics::tau(0.5);
    metrics::density(0.03);
    metrics::residual_norm(12.0);
    metrics::block_momentum(0.75);
    metrics::block_learning_rate(1.0);
    metrics::arrival_lag(Duration::from_millis(500), 3, "worker-c");
    for state in MemberState::ALL {
        metrics::members(2, *state);
    }
    metrics::members_lost(1);
    metrics::membership_epoch(4);
    metrics::waiting(Duration::from_secs(3), "computing");
    metrics::paused(1, "stentor://c/admin");
    metrics::refused_contributions(1, "old round");
    metrics::leases(7, Source::Annotated);
    metrics::checkpoints(1, CheckpointEnd::Published);
    metrics::last_checkpoint_timestamp(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    metrics::checkpoint_interval(Duration::from_secs(900));
    metrics::labeled_frames(4096);
    metrics::labeling_progress(0.5);
    metrics::quarantined_row_groups(1, Source::Annotated);
    metrics::forged_objects(1, "manifest");
    metrics::queue_depth(3, "prefetch");
    metrics::refused_connections(1, "handshake-timeout");
    metrics::refused_calls(1, "role");
    metrics::certificate_expiry_timestamp(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    metrics::violations(0, "I1");
    metrics::non_finite(2, "update");
    metrics::retries(1, "get shard");
    metrics::disk_free(1 << 30, "run");
    metrics::disk_size(1 << 40, "run");
    metrics::peak_memory(1 << 20);
}

#[test]
fn every_metric_of_the_catalogue_shows_its_name_help_type_and_labels_and_nothing_else_is_there() {
    address();
    record_everything();
    let families = scrape();

    let exposed: BTreeSet<&str> =
        families.keys().map(String::as_str).filter(|name| *name != "target_info").collect();
    let names: Vec<String> = CATALOGUE.iter().map(metrics::Metric::exposed_name).collect();
    assert_eq!(exposed, names.iter().map(String::as_str).collect::<BTreeSet<_>>());

    for metric in CATALOGUE {
        let family = &families[&metric.exposed_name()];
        assert_eq!(family.help, metric.help);
        assert_eq!(family.kind, metric.exposed_kind(), "{}", metric.name);
        for sample in &family.samples {
            let mut labels: BTreeSet<&str> = sample.labels.keys().map(String::as_str).collect();
            assert_eq!(labels.remove("le"), sample.name.ends_with("_bucket"), "{sample:?}");
            assert_eq!(labels, metric.labels.iter().copied().collect::<BTreeSet<_>>(), "{sample:?}");
            assert!(sample.value.is_finite(), "{sample:?}");
        }
        if metric.kind == Kind::Histogram {
            let bounds: BTreeSet<&str> = family
                .samples
                .iter()
                .filter_map(|sample| sample.labels.get("le").map(String::as_str))
                .collect();
            let mut expected: BTreeSet<String> = metric.buckets.iter().map(f64::to_string).collect();
            expected.insert("+Inf".to_owned());
            assert_eq!(
                bounds,
                expected.iter().map(String::as_str).collect::<BTreeSet<_>>(),
                "{}",
                metric.name
            );
        }
    }
}

#[test]
fn units_and_values_arrive_as_they_were_recorded() {
    address();
    metrics::frames(100, Source::Annotated);
    metrics::frames(28, Source::Annotated);
    metrics::members(9, MemberState::Joining);
    metrics::members(2, MemberState::Joining);
    metrics::arrival_lag(Duration::from_millis(500), 8, "worker-i");
    metrics::arrival_lag(Duration::from_secs(20), 8, "worker-i");
    metrics::last_checkpoint_timestamp(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let families = scrape();

    assert_eq!(families["stentor_frames_total"].value(&[("source", "annotated")]), Some(128.0));
    assert_eq!(families["stentor_members"].value(&[("state", "joining")]), Some(2.0));
    assert_eq!(families["stentor_last_checkpoint_timestamp_seconds"].value(&[]), Some(1.7e9));
    let lag = &families["stentor_arrival_lag_seconds"];
    let labels = [("member", "worker-i"), ("rank", "8")];
    assert_eq!(lag.part("_sum", &labels), Some(20.5));
    assert_eq!(lag.part("_count", &labels), Some(2.0));
    let bucket = |bound| lag.part("_bucket", &[("le", bound), ("member", "worker-i"), ("rank", "8")]);
    assert_eq!([bucket("0.1"), bucket("1"), bucket("30")], [Some(0.0), Some(1.0), Some(2.0)]);
}

#[test]
fn a_value_that_is_not_finite_is_counted_and_does_not_replace_the_last_good_one() {
    address();
    metrics::block_momentum(0.75);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        metrics::block_momentum(value);
    }
    metrics::last_round_timestamp(SystemTime::UNIX_EPOCH - Duration::from_secs(1));
    let families = scrape();
    let non_finite = &families["stentor_non_finite_total"];
    assert_eq!(non_finite.value(&[("origin", "block_momentum")]), Some(3.0));
    assert_eq!(non_finite.value(&[("origin", "last_round_timestamp")]), Some(1.0));
    assert_eq!(families["stentor_block_momentum"].value(&[]), Some(0.75));
}

#[test]
fn events_of_others_that_look_like_metrics_are_not_taken_for_metrics() {
    address();
    tracing::info!(monotonic_counter.foreign = 1_u64, "not ours");
    tracing::event!(target: metrics::TARGET, tracing::Level::INFO, monotonic_counter.uncatalogued = 1_u64,);
    let families = scrape();
    assert!(families.keys().all(|name| !name.contains("foreign") && !name.contains("uncatalogued")));
}

#[test]
fn the_listener_says_who_it_is_and_that_it_is_well() {
    let (head, body) = get(address(), "/healthz");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(body, "ok\n");
    let info = &scrape()["target_info"];
    assert_eq!(info.samples[0].labels["service_name"], "worker");
    assert!(get(address(), "/").0.starts_with("HTTP/1.1 404"));
}

#[test]
fn the_peak_of_memory_is_measured_at_every_scrape() {
    let peak = || scrape()["stentor_peak_memory_bytes"].value(&[]).unwrap();
    let before = peak();
    assert!(before >= (1 << 20) as f64, "{before}");
    // As much as there ever was, beside what is there now.
    drop(std::hint::black_box(vec![1u8; before as usize]));
    let after = peak();
    assert!(after > before, "{after} after {before}");
}

#[test]
fn the_room_on_a_watched_disk_is_among_the_metrics() {
    address();
    stentor_runtime::watch_disk("labels", env!("CARGO_MANIFEST_DIR"));
    // A thread of its own measures, and other tests show disks of their own.
    let of = |name: &str| scrape().get(name)?.value(&[("folder", "labels")]);
    let (free, size) = loop {
        if let (Some(free), Some(size)) = (of("stentor_disk_free_bytes"), of("stentor_disk_size_bytes")) {
            break (free, size);
        }
        std::thread::yield_now();
    };
    assert!(0.0 < free && free <= size, "{free} of {size}");
}

#[test]
fn telemetry_is_set_up_once() {
    address();
    let again = telemetry::init_on("worker", TcpListener::bind(any_port()).unwrap());
    assert!(matches!(again, Err(Error::AlreadyInitialised)));
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind(any_port()).unwrap();
    let address = taken.local_addr().unwrap();
    let error = telemetry::init(TelemetryOptions { program: "worker", metrics: Some(address) }).unwrap_err();
    assert!(matches!(error, Error::MetricsAddress { .. }));
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}
