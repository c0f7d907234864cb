//! All metrics of Stentor, in one catalogue.
//!
//! [`CATALOGUE`] contains name, kind, unit, help, labels and buckets; for each entry there is a function with the same
//! name that records it. So it is impossible to record a metric that is not in the catalogue, or one with another
//! label or type. A function's first argument is the value, the others are the labels in the order of the catalogue;
//! its documentation is the metric's help.
//!
//! The functions may be called anywhere and at any time; without a listener they cost a few nanoseconds. Values that
//! are not finite would be lost on the way to Prometheus, so they are counted in [`non_finite`] under the metric's
//! name instead.
//!
//! A counter appears in `/metrics` with its first record. Record 0 at the start, so that rates include its first
//! increase.

mod catalogue;
mod labels;
mod metric;
mod run;

pub use catalogue::*;
pub use labels::{CheckpointEnd, Direction, Label, MemberState, Phase};
pub use metric::{Kind, Metric, Unit};
pub(crate) use run::labelled;
pub use run::{RUN, of_run};

/// The target of metric events. Log layers exclude it; the metrics layer accepts nothing else.
pub const TARGET: &str = "stentor::metrics";

/// Prefix of every name in `/metrics`.
pub const NAMESPACE: &str = "stentor";
