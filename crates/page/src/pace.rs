//! Speed of the newest rounds.

use std::collections::VecDeque;
use stentor_runlog::{Event, Millis};

/// Number of rounds in the window.
const NEWEST: usize = 60;

/// Durations and bytes of the newest rounds of this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pace {
    rounds: VecDeque<Round>,
}

#[derive(Debug, Clone, Copy)]
struct Round {
    at_ms: Millis,
    committed_frames: u64,
    frames: u64,
    bytes_up: u64,
    compute_s: f64,
    /// Batches of all members, and of the member with the most.
    batches: u32,
    most_batches: u32,
}

impl Pace {
    /// Takes a round that has just closed; other events are ignored.
    pub(crate) fn take(&mut self, event: &Event) {
        let &Event::Round { at_ms, committed_frames, frames, bytes_up, compute_s, ref shares, .. } = event
        else {
            return;
        };
        let (batches, most_batches) = (shares.iter().sum(), shares.iter().copied().max().unwrap_or(0));
        if self.rounds.len() == NEWEST {
            self.rounds.pop_front();
        }
        let round = Round { at_ms, committed_frames, frames, bytes_up, compute_s, batches, most_batches };
        self.rounds.push_back(round);
    }

    /// After a fall-back, frames are committed again, so earlier times no longer apply.
    pub(crate) fn clear(&mut self) {
        self.rounds.clear();
    }

    /// Number of rounds from which the figures are computed.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// Mean time from the end of one round to the end of the next, seconds.
    pub(crate) fn seconds_per_round(&self) -> Option<f64> {
        let (first, last) = (self.rounds.front()?, self.rounds.back()?);
        let between = self.rounds.len() - 1;
        (between > 0).then(|| last.at_ms.saturating_sub(first.at_ms) as f64 / 1e3 / between as f64)
    }

    /// Frames per second on the schedule's clock.
    pub(crate) fn frames_per_second(&self) -> Option<f64> {
        let (first, last) = (self.rounds.front()?, self.rounds.back()?);
        let seconds = last.at_ms.saturating_sub(first.at_ms) as f64 / 1e3;
        let frames = last.committed_frames.saturating_sub(first.committed_frames);
        (seconds > 0.0 && frames > 0).then(|| frames as f64 / seconds)
    }

    /// Uplink payload per valid frame.
    pub(crate) fn bytes_up_per_frame(&self) -> Option<f64> {
        let frames = self.total(|round| round.frames);
        (frames > 0.0).then(|| self.total(|round| round.bytes_up) / frames)
    }

    /// Bytes that dense would have sent up for the same batches of a model with `parameters` values, divided by the
    /// bytes sent.
    pub(crate) fn compression(&self, parameters: usize) -> Option<f64> {
        let sent = self.total(|round| round.bytes_up);
        (sent > 0.0).then(|| 4.0 * parameters as f64 * self.total(|round| round.batches.into()) / sent)
    }

    /// Median of the slowest member's time for the forward and backward pass of a batch, seconds.
    pub(crate) fn batch_seconds(&self) -> Option<f64> {
        self.median(|round| (round.most_batches > 0).then(|| round.compute_s / f64::from(round.most_batches)))
    }

    /// Batches per member and round: with blocks, a round's times cover many batches.
    pub(crate) fn batches_per_round(&self) -> Option<f64> {
        self.median(|round| (round.most_batches > 0).then_some(f64::from(round.most_batches)))
    }

    fn total(&self, of: fn(&Round) -> u64) -> f64 {
        self.rounds.iter().map(of).sum::<u64>() as f64
    }

    fn median(&self, of: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
        let mut found: Vec<f64> = self.rounds.iter().filter_map(of).collect();
        found.sort_by(f64::total_cmp);
        found.get(found.len() / 2).copied()
    }
}
