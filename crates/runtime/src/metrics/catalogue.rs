use super::labels::{CheckpointEnd, Direction, Label, MemberState, Phase};
use super::metric::{Kind, Metric, Reading, Unit};
use std::time::{Duration, SystemTime};
use stentor_experiment::{Source, Strategy};

/// From a millisecond to five minutes: for a small round on one machine and a large one across a network.
const ROUND_PARTS: &[f64] = &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0];

/// Coarser, because each rank has its own histogram.
const LAGS: &[f64] = &[0.01, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0];

/// Defines the entries, the table and one recording function for each entry. An entry's doc comment, of one line, is
/// the documentation of the function and the metric's help.
macro_rules! catalogue {
    ($(
        #[doc = $help:literal]
        $kind:ident $name:ident($value:ty $(, $label:ident: $type:ty)*) in $unit:ident $(, buckets $buckets:ident)?;
    )+) => {
        /// All metrics.
        pub const CATALOGUE: &[Metric] = &[$(Metric {
            name: stringify!($name),
            kind: Kind::$kind,
            unit: Unit::$unit,
            help: $help.trim_ascii(),
            labels: &[$(stringify!($label)),*],
            buckets: catalogue!(@buckets $($buckets)?),
        }),+];

        $(catalogue!(@record $kind $help $name($value $(, $label: $type)*));)+
    };
    (@buckets) => { &[] };
    (@buckets $buckets:ident) => { $buckets };
    (@record Counter $help:literal $name:ident($value:ty $(, $label:ident: $type:ty)*)) => {
        #[doc = $help]
        pub fn $name(increase: $value $(, $label: $type)*) {
            let increase: u64 = increase;
            tracing::event!(
                target: super::TARGET,
                tracing::Level::INFO,
                monotonic_counter.$name = increase,
                $($label = &*$label.text(),)*
            );
        }
    };
    (@record Gauge $help:literal $name:ident($value:ty $(, $label:ident: $type:ty)*)) => {
        catalogue!(@measure gauge $help $name($value $(, $label: $type)*));
    };
    (@record Histogram $help:literal $name:ident($value:ty $(, $label:ident: $type:ty)*)) => {
        catalogue!(@measure histogram $help $name($value $(, $label: $type)*));
    };
    (@measure $prefix:ident $help:literal $name:ident($value:ty $(, $label:ident: $type:ty)*)) => {
        #[doc = $help]
        pub fn $name(value: $value $(, $label: $type)*) {
            let value = value.reading();
            if !value.is_finite() {
                return non_finite(1, stringify!($name));
            }
            tracing::event!(
                target: super::TARGET,
                tracing::Level::INFO,
                $prefix.$name = value,
                $($label = &*$label.text(),)*
            );
        }
    };
}

catalogue! {
    // Progress.

    /// Rounds closed.
    Counter rounds(u64, strategy: Strategy, source: Source) in Count;
    /// When the last round closed. If this does not change, the run does not progress.
    Gauge last_round_timestamp(SystemTime) in Seconds;
    /// Frames of 30 ms committed (coordinator) or trained on (worker).
    Counter frames(u64, source: Source) in Count;
    /// Share of the run's frames that are committed.
    Gauge progress(f64) in Ratio;
    /// 1 once the run is finished and its model is chosen, 0 before.
    Gauge finished(u64) in Count;
    /// Loss per frame in the last round.
    Gauge loss(f64, source: Source) in Nats;
    /// Share of frames classified wrongly in the last round.
    Gauge frame_error(f64, source: Source) in Ratio;
    /// Loss per frame on the dev data, at the last evaluation.
    Gauge dev_loss(f64) in Nats;
    /// Share of the dev data's frames classified wrongly, at the last evaluation.
    Gauge dev_frame_error(f64) in Ratio;
    /// Learning rate in force.
    Gauge learning_rate(f64, source: Source) in Count;
    /// Norm of the last gradient, before clipping.
    Gauge gradient_norm(f64) in Count;

    // Exchange.

    /// Time of each phase of a worker's rounds.
    Histogram phase_time(Duration, phase: Phase) in Seconds, buckets ROUND_PARTS;
    /// Time that the coordinator needs to reduce a round's contributions to an update.
    Histogram reduction_time(Duration) in Seconds, buckets ROUND_PARTS;
    /// Bytes of contributions and updates.
    Counter exchanged(u64, direction: Direction) in Bytes;
    /// Size of the last contribution without compression, divided by its actual size.
    Gauge compression(f64) in Ratio;
    /// Threshold of gradient threshold compression.
    Gauge tau(f64) in Count;
    /// Share of values sent in the last contribution.
    Gauge density(f64) in Ratio;
    /// Norm of the residual of gradient threshold compression.
    Gauge residual_norm(f64) in Count;
    /// Block momentum of blockwise model-update filtering.
    Gauge block_momentum(f64) in Count;
    /// Block learning rate of blockwise model-update filtering.
    Gauge block_learning_rate(f64) in Count;

    // Members.

    /// Time from a round's first contribution to that of each rank.
    Histogram arrival_lag(Duration, rank: u32, member: &str) in Seconds, buckets LAGS;
    /// Members by their state.
    Gauge members(u64, state: MemberState) in Count;
    /// Members that died or were dropped after their deadline.
    Counter members_lost(u64) in Count;
    /// Time that the coordinator has been waiting, by reason; 0 if it is not. `stentor status` and its log say for whom.
    Gauge waiting(Duration, reason: &'static str) in Seconds;
    /// Whether an operator has paused the run, and who; absent if nobody ever has.
    Gauge paused(u64, by: &str) in Count;
    /// Rises with every change of the membership.
    Gauge membership_epoch(u64) in Count;
    /// Contributions that were refused.
    Counter refused_contributions(u64, reason: &'static str) in Count;
    /// Batches of the open round that are leased to members.
    Gauge leases(u64, source: Source) in Count;

    // Checkpoints.

    /// Checkpoints that were started, by how they ended.
    Counter checkpoints(u64, end: CheckpointEnd) in Count;
    /// When the newest complete checkpoint was published; its age is the time now minus this.
    Gauge last_checkpoint_timestamp(SystemTime) in Seconds;
    /// Longest time between two checkpoints that the experiment allows (`checkpoint.every`); absent where it does not say.
    Gauge checkpoint_interval(Duration) in Seconds;
    /// Objects of the run's folder without the run's signature, found when the coordinator started.
    Counter forged_objects(u64, what: &'static str) in Count;

    // Labeling and data.

    /// Frames labeled by the teacher; the rate is frames per second.
    Counter labeled_frames(u64) in Count;
    /// Share of the labeling job's units that are published.
    Gauge labeling_progress(f64) in Ratio;
    /// Row groups quarantined because they could not be read or did not match their checksum.
    Counter quarantined_row_groups(u64, source: Source) in Count;
    /// Number of entries that wait in a queue of the program.
    Gauge queue_depth(u64, queue: &'static str) in Count;

    // Refused access.

    /// Connections that were refused.
    Counter refused_connections(u64, reason: &'static str) in Count;
    /// Calls that were refused because of the caller, or because too many were in progress.
    Counter refused_calls(u64, reason: &'static str) in Count;
    /// When the program's own certificate expires.
    Gauge certificate_expiry_timestamp(SystemTime) in Seconds;

    // The program itself.

    /// Violations of the coordinator's invariants, by id (docs/reliability.md). Each is a bug.
    Counter violations(u64, invariant: &'static str) in Count;
    /// Values that were not finite, by origin: a tensor, or the metric that would have shown them.
    Counter non_finite(u64, origin: &'static str) in Count;
    /// Retries after temporary failures, by operation.
    Counter retries(u64, operation: &'static str) in Count;
    /// Bytes that can still be written to the disk of a folder, by the folder's purpose.
    Gauge disk_free(u64, folder: &'static str) in Bytes;
    /// Size of the disk of a folder, by the folder's purpose.
    Gauge disk_size(u64, folder: &'static str) in Bytes;
    /// Peak resident memory of the process.
    Gauge peak_memory(u64) in Bytes;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_entry_is_complete_and_the_only_one_of_its_name() {
        let mut names = BTreeSet::new();
        for metric in CATALOGUE {
            assert!(names.insert(metric.exposed_name()), "{metric:?}");
            assert!(metric.help.ends_with('.') && !metric.help.starts_with(' '), "{metric:?}");
            assert_eq!(metric.kind == Kind::Histogram, !metric.buckets.is_empty(), "{metric:?}");
            assert!(metric.buckets.is_sorted_by(|a, b| a < b), "{metric:?}");
        }
    }

    #[test]
    fn names_carry_no_unit_of_their_own() {
        for metric in CATALOGUE {
            for suffix in ["seconds", "bytes", "ratio", "total", "count", "sum", "bucket"] {
                assert!(!metric.name.ends_with(suffix), "{} ends with {suffix}", metric.name);
            }
        }
    }
}
