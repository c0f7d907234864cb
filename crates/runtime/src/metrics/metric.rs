use super::NAMESPACE;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An entry of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Without namespace and suffixes; the name of the function that records it.
    pub name: &'static str,
    /// How values add up.
    pub kind: Kind,
    /// What values are measured in.
    pub unit: Unit,
    /// One sentence or two for people.
    pub help: &'static str,
    /// Names of the labels.
    pub labels: &'static [&'static str],
    /// Upper bounds of a histogram's buckets, ascending, in `unit`; empty for the other kinds.
    pub buckets: &'static [f64],
}

/// How a metric's values add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; read it with `rate()`.
    Counter,
    /// The last value.
    Gauge,
    /// Counts of values by size, their sum and number.
    Histogram,
}

/// What a metric's values are measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things, or a pure number.
    Count,
    /// Seconds; for points in time, since 1970.
    Seconds,
    /// Bytes.
    Bytes,
    /// A share or a quotient.
    Ratio,
    /// Natural logarithm of a probability.
    Nats,
}

impl Unit {
    /// The unit's code in UCUM, as OpenTelemetry wants it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Unit::Count => "",
            Unit::Seconds => "s",
            Unit::Bytes => "By",
            Unit::Ratio => "1",
            Unit::Nats => "{nat}",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Unit::Count | Unit::Nats => "",
            Unit::Seconds => "_seconds",
            Unit::Bytes => "_bytes",
            Unit::Ratio => "_ratio",
        }
    }
}

impl Metric {
    /// The name in `/metrics`, dashboards and alerts: `stentor_phase_time_seconds`.
    #[must_use]
    pub fn exposed_name(&self) -> String {
        let total = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("{NAMESPACE}_{}{}{total}", self.name, self.unit.suffix())
    }

    /// The word for the kind in Prometheus' text format.
    #[must_use]
    pub fn exposed_kind(&self) -> &'static str {
        match self.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// A value that a gauge or histogram takes.
pub(super) trait Reading {
    /// In the metric's unit.
    fn reading(self) -> f64;
}

impl Reading for f64 {
    fn reading(self) -> f64 {
        self
    }
}

impl Reading for u64 {
    fn reading(self) -> f64 {
        self as f64
    }
}

impl Reading for Duration {
    fn reading(self) -> f64 {
        self.as_secs_f64()
    }
}

impl Reading for SystemTime {
    /// Not a number before 1970: a clock that was never set is worth counting.
    fn reading(self) -> f64 {
        self.duration_since(UNIX_EPOCH).map_or(f64::NAN, |since| since.as_secs_f64())
    }
}
