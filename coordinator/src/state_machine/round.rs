use super::{Arrival, Core, Encoding, Event, Millis, OfSource, Slot};
use std::collections::{BTreeMap, BTreeSet};
use stentor_experiment::Source;
use stentor_plan::RoundPlan;
use stentor_scores::{FRAMES, Scores, Sums};

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

/// What was counted in the batches of `source` in a round's contributions. A worker that does not tell by source only has batches
/// of the round's.
fn counted_in<'a>(source: Source, round: &Round, arrivals: impl Iterator<Item = &'a Arrival>) -> Sums {
    let of_one = |arrival: &'a Arrival| match arrival.by_source.get(&source) {
        None if arrival.by_source.is_empty() && source == round.source => Some(&arrival.sums),
        sums => sums,
    };
    Sums::nothing().merged(arrivals.filter_map(of_one))
}

/// The scores of a round, of its means over frames: as in the logs of all versions.
fn scores(sums: &Sums) -> Scores {
    Scores::of(&sums.means_over(FRAMES))
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
        let sums = Sums::nothing().merged(counted().map(|a| &a.sums));
        let by_source = Source::ALL.map(|source| {
            let sums = counted_in(source, round, counted());
            OfSource { source, frames: sums.count(FRAMES), scores: scores(&sums) }
        });
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
            scores: scores(&sums),
            by_source: by_source.into_iter().filter(|of| of.frames > 0).collect(),
            gradient_norm: arrivals.values().next().map_or(0.0, |a| a.gradient_norm),
            values_sent: arrivals.values().map(|a| a.values_sent).sum(),
            bytes_up: arrivals.values().map(|a| a.payload_bytes).sum(),
            compute_s: arrivals.values().map(|a| a.compute_s).fold(0.0, f64::max),
            encoding: round.encoding,
            at_ms: now,
        }
    }
}
