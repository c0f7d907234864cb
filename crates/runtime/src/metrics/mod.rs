//! Every metric of Stentor, in one catalogue.
//!
//! [`CATALOGUE`] says name, kind, unit, help, labels and buckets; for each entry there is a function of the same name
//! that records it. So a metric that is not in the catalogue cannot be recorded, nor one with another label or type.
//! A function's first argument is the value, its others the labels in the catalogue's order; its text is the metric's help.
//!
//! Functions may be called anywhere and at any time; where nobody listens they cost a few nanoseconds. Values that are
//! not finite would vanish on the way to Prometheus: they are counted in [`non_finite`] under the metric's name instead.
//!
//! A counter appears in `/metrics` with its first record; recording 0 at the start makes it appear at once, so that
//! rates over its first step are right.

mod catalogue;
mod labels;
mod metric;

pub use catalogue::*;
pub use labels::{CheckpointEnd, Direction, Label, MemberState, Phase};
pub use metric::{Kind, Metric, Unit};

/// The target of metric events. Log layers leave it out, the metrics layer takes nothing else.
pub const TARGET: &str = "stentor::metrics";

/// Before every name in `/metrics`.
pub const NAMESPACE: &str = "stentor";
