use super::{Arrival, Core, Encoding, Event, Learned, Millis, Slot};
use std::collections::{BTreeMap, BTreeSet};
use stentor_experiment::Source;
use stentor_plan::RoundPlan;

/// An open round.
#[derive(Debug, Clone)]
pub(super) struct Round {
    /// Who computes what; none where groups only exchange models.
    pub(super) work: Option<RoundPlan>,
    /// Of most of its batches; a block may have some of the other one, too.
    pub(super) source: Source,
    pub(super) encoding: Encoding,
    /// Contributions that are computed.
    pub(super) arrivals: BTreeMap<Slot, Arrival>,
    /// Those whose payload is with the reducers.
    pub(super) staged: BTreeSet<Slot>,
    /// When the first of them was computed: the deadline counts from here.
    pub(super) first_ms: Option<Millis>,
    /// How far each contribution came behind the first.
    pub(super) lags: Vec<Millis>,
    /// Whether the round is like most: nobody has just loaded, written or scored anything, and nobody went.
    pub(super) usual: bool,
}

/// Source of most of a round's batches; none where it has no batches.
pub(super) fn main_source(work: &RoundPlan) -> Option<Source> {
    let batches = |source: Source| -> u64 {
        let leases = work.leases.values().flatten().filter(|lease| lease.source == source);
        leases.map(|lease| u64::from(lease.batches)).sum()
    };
    Source::ALL.into_iter().filter(|&source| batches(source) > 0).max_by_key(|&source| batches(source))
}

/// What the batches of `source` came to in a round's contributions. A worker of before blocks had batches of both sources
/// only tells of all of its batches, which are the round's.
fn learned_from<'a>(source: Source, round: &Round, arrivals: impl Iterator<Item = &'a Arrival>) -> Learned {
    let of_one = |arrival: &Arrival| match arrival.by_source.get(&source) {
        Some(learned) => *learned,
        None if arrival.by_source.is_empty() && source == round.source => Learned {
            frames: arrival.frames,
            loss_sum: arrival.loss_sum,
            correct_frames: arrival.correct_frames,
        },
        None => Learned::default(),
    };
    arrivals.map(of_one).fold(Learned::default(), |sum, one| Learned {
        frames: sum.frames + one.frames,
        loss_sum: sum.loss_sum + one.loss_sum,
        correct_frames: sum.correct_frames + one.correct_frames,
    })
}

/// Bits a second that a line must carry at least: how long a payload may be under way beyond the round's deadline.
const SLOWEST_LINE: u64 = 10_000_000;

impl Round {
    /// How long the payloads that are announced may be under way.
    pub(super) fn under_way_ms(&self) -> Millis {
        let bytes: u64 = self.arrivals.values().map(|a| a.payload_bytes).sum();
        bytes.saturating_mul(8_000) / SLOWEST_LINE
    }
}

impl Core {
    /// The line of the event log for a round that has closed.
    pub(super) fn summary(&self, now: Millis, round: &Round) -> Event {
        let arrivals = &round.arrivals;
        // Where groups only exchange models, frames are weights of what was counted before.
        let counted = || arrivals.values().filter(|_| round.work.is_some());
        let frames: u64 = counted().map(|a| a.frames).sum();
        let correct: u64 = counted().map(|a| a.correct_frames).sum();
        let loss: f64 = counted().map(|a| a.loss_sum).sum();
        let by_source = Source::ALL.map(|source| (source, learned_from(source, round, counted())));
        let by_source = by_source.into_iter().filter(|(_, learned)| learned.frames > 0);
        let per_frame = 1.0 / frames.max(1) as f64;
        let leases = round.work.iter().flat_map(|work| &work.leases);
        let share =
            |slot: &Slot| round.work.as_ref().and_then(|work| work.leases.get(slot)).map_or(0, Vec::len);
        Event::Round {
            fence: self.fence(),
            source: round.source,
            contributors: arrivals.keys().copied().collect(),
            leases: leases
                .filter(|(s, _)| arrivals.contains_key(s))
                .flat_map(|(_, l)| l.iter().copied())
                .collect(),
            shares: arrivals.keys().map(|slot| share(slot) as u32).collect(),
            frames,
            committed_frames: self.position.committed_frames(),
            loss: loss * per_frame,
            frame_error: 100.0 * (1.0 - correct as f64 * per_frame),
            by_source: by_source.map(|(source, learned)| learned.of(source)).collect(),
            gradient_norm: arrivals.values().next().map_or(0.0, |a| a.gradient_norm),
            values_sent: arrivals.values().map(|a| a.values_sent).sum(),
            bytes_up: arrivals.values().map(|a| a.payload_bytes).sum(),
            compute_s: arrivals.values().map(|a| a.compute_s).fold(0.0, f64::max),
            encoding: round.encoding,
            at_ms: now,
        }
    }
}
