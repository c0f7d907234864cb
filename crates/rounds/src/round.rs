use crate::{Arrival, Core, Encoding, Event, Millis, OfSource, Slot};
use std::collections::{BTreeMap, BTreeSet};
use stentor_experiment::Source;
use stentor_plan::RoundPlan;
use stentor_scores::{FRAMES, Scores, Sums};

/// An open round.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    /// The batches of each member; `None` if groups only exchange models.
    pub(crate) work: Option<RoundPlan>,
    /// Source of most of its batches; a block may also have batches of the other one.
    pub(crate) source: Source,
    pub(crate) encoding: Encoding,
    /// The computed contributions.
    pub(crate) arrivals: BTreeMap<Slot, Arrival>,
    /// The slots whose payload has been staged.
    pub(crate) staged: BTreeSet<Slot>,
    /// When the first contribution arrived: deadlines count from here.
    pub(crate) first_ms: Option<Millis>,
    /// Delay of each contribution after the first.
    pub(crate) lags: Vec<Millis>,
    /// Whether the round is usual: no member has just loaded, written or scored anything, and no member was lost.
    pub(crate) usual: bool,
}

/// Source of most of a round's batches; `None` without batches.
pub(crate) fn main_source(work: &RoundPlan) -> Option<Source> {
    let batches = |source: Source| -> u64 {
        let leases = work.leases.values().flatten().filter(|lease| lease.source == source);
        leases.map(|lease| u64::from(lease.batches)).sum()
    };
    Source::ALL.into_iter().filter(|&source| batches(source) > 0).max_by_key(|&source| batches(source))
}

/// The sums over the batches of `source` in a round's contributions. The batches of a worker that does not report sums by source
/// are all of the round's source.
fn counted_in<'a>(source: Source, round: &Round, arrivals: impl Iterator<Item = &'a Arrival>) -> Sums {
    let of_one = |arrival: &'a Arrival| match arrival.by_source.get(&source) {
        None if arrival.by_source.is_empty() && source == round.source => Some(&arrival.sums),
        sums => sums,
    };
    Sums::nothing().merged(arrivals.filter_map(of_one))
}

/// The scores of a round: the means over frames that the logs of all versions contain.
fn scores(sums: &Sums) -> Scores {
    Scores::of(&sums.means_over(FRAMES))
}

/// Minimum speed of a network link in bits per second: it determines how long payloads may take beyond the round's deadline.
const SLOWEST_LINE: u64 = 10_000_000;

impl Round {
    /// How long the announced payloads may take.
    pub(crate) fn under_way_ms(&self) -> Millis {
        let bytes = self.arrivals.values().map(|a| a.payload_bytes).fold(0, u64::saturating_add);
        bytes.saturating_mul(8_000) / SLOWEST_LINE
    }
}

impl Core {
    /// The event of a closed round.
    pub(crate) fn summary(&self, now: Millis, round: &Round) -> Event {
        let arrivals = &round.arrivals;
        // In a group exchange, frames are weights of models, and nothing was counted.
        let counted = || arrivals.values().filter(|_| round.work.is_some());
        let frames = counted().map(|a| a.frames).fold(0, u64::saturating_add);
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
            values_sent: arrivals.values().map(|a| a.values_sent).fold(0, u64::saturating_add),
            bytes_up: arrivals.values().map(|a| a.payload_bytes).fold(0, u64::saturating_add),
            compute_s: arrivals.values().map(|a| a.compute_s).fold(0.0, f64::max),
            encoding: round.encoding,
            at_ms: now,
        }
    }
}
