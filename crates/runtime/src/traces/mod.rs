//! Spans for an OpenTelemetry collector, if `STENTOR_OTLP` is set (`http://HOST:4317`, gRPC).
//!
//! Everything in a round is one trace, in whichever process it happens. No process has to announce the trace: the ids
//! of trace and root span are derived from run, lineage and round, which every process knows.

mod export;

pub(crate) use export::Exporter;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Where to send spans; unset: they are discarded.
static SPANS: OnceLock<mpsc::Sender<Span>> = OnceLock::new();

/// The value of a span's attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// A whole number.
    Count(u64),
    /// A measured number.
    Number(f64),
    /// Text.
    Text(String),
}

/// The trace of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundTrace {
    trace: [u8; 16],
    root: [u8; 8],
}

/// A span that waits to be sent.
#[derive(Debug)]
pub(crate) struct Span {
    round: RoundTrace,
    id: [u8; 8],
    name: &'static str,
    start: SystemTime,
    took: Duration,
    attributes: Vec<(&'static str, Attribute)>,
}

impl RoundTrace {
    /// The trace of a round of the run `run`; `None` if spans are discarded. `run` does not include the number of the
    /// coordinator's incarnation: reducers do not know it, and lineages distinguish incarnations.
    #[must_use]
    pub fn of(run: &str, lineage: u64, round: u64) -> Option<Self> {
        SPANS.get()?;
        Some(Self::named(&format!("{run}/{lineage}/{round}")))
    }

    fn named(name: &str) -> Self {
        Self { trace: xxh3_128(name.as_bytes()).to_be_bytes(), root: xxh3_64(name.as_bytes()).to_be_bytes() }
    }

    /// The root span of the round, which contains all others. Only the coordinator sends it.
    pub fn whole(
        self,
        start: SystemTime,
        took: Duration,
        attributes: impl IntoIterator<Item = (&'static str, Attribute)>,
    ) {
        self.send(self.root, "round", start, took, attributes);
    }

    /// A span for a part of the round in this process.
    pub fn part(
        self,
        name: &'static str,
        start: SystemTime,
        took: Duration,
        attributes: impl IntoIterator<Item = (&'static str, Attribute)>,
    ) {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let since = start.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // Unique: no other process has this id at this time.
        let own = format!("{}/{}/{number}/{name}", std::process::id(), since.as_nanos());
        self.send(xxh3_64(own.as_bytes()).to_be_bytes(), name, start, took, attributes);
    }

    fn send(
        self,
        id: [u8; 8],
        name: &'static str,
        start: SystemTime,
        took: Duration,
        attributes: impl IntoIterator<Item = (&'static str, Attribute)>,
    ) {
        if let Some(spans) = SPANS.get() {
            let attributes = attributes.into_iter().collect();
            // A slow or missing collector causes the loss of spans, never a delay of rounds.
            let _ = spans.try_send(Span { round: self, id, name, start, took, attributes });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_have_traces_of_their_own_and_everybody_makes_the_same() {
        let one = RoundTrace::named("run/1000/7");
        assert_eq!(one, RoundTrace::named("run/1000/7"));
        for other in ["run/1000/8", "run/2000/7", "other/1000/7"] {
            let other = RoundTrace::named(other);
            assert!(one.trace != other.trace && one.root != other.root);
        }
    }

    #[test]
    fn without_a_collector_there_are_no_traces() {
        assert_eq!(RoundTrace::of("run", 1000, 7), None);
    }
}
