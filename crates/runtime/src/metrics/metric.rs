use super::NAMESPACE;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An entry of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Name without namespace and suffixes; also the name of the recording function.
    pub name: &'static str,
    /// Kind of the metric.
    pub kind: Kind,
    /// Unit of the values.
    pub unit: Unit,
    /// Help text of one or two sentences.
    pub help: &'static str,
    /// Names of the labels.
    pub labels: &'static [&'static str],
    /// Upper bounds of a histogram's buckets, ascending, in `unit`; empty for the other kinds.
    pub buckets: &'static [f64],
}

/// Kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; read it with `rate()`.
    Counter,
    /// Only the last value.
    Gauge,
    /// Number of values by size, with their sum and number.
    Histogram,
}

/// Unit of a metric's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A count, or a number without a unit.
    Count,
    /// Seconds; for times, seconds since 1970.
    Seconds,
    /// Bytes.
    Bytes,
    /// A share or another quotient.
    Ratio,
    /// Natural logarithms of probabilities.
    Nats,
}

impl Unit {
    /// The unit's UCUM code, for OpenTelemetry.
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

    /// The name of the kind in Prometheus' text format.
    #[must_use]
    pub fn exposed_kind(&self) -> &'static str {
        match self.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// A value for a gauge or histogram.
pub(super) trait Reading {
    /// The value in the metric's unit.
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
    /// Not a number for times before 1970: a clock that was never set counts as a value that is not finite.
    fn reading(self) -> f64 {
        self.duration_since(UNIX_EPOCH).map_or(f64::NAN, |since| since.as_secs_f64())
    }
}
