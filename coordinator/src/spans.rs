//! Rounds as traces: the coordinator records each round as a whole, and the waits in it.

use std::time::SystemTime;
use stentor_rounds::{Event, Fence};
use stentor_runtime::traces::{Attribute, RoundTrace};
use stentor_scores::LOSS;

/// When the open round began, and when its first contribution arrived.
#[derive(Debug)]
pub(crate) struct RoundSpans {
    run: String,
    began: SystemTime,
    first: Option<(Fence, SystemTime)>,
}

impl RoundSpans {
    pub(crate) fn new(run: &str) -> Self {
        Self { run: run.to_owned(), began: SystemTime::now(), first: None }
    }

    /// A contribution to the round of `fence` has arrived.
    pub(crate) fn arrived(&mut self, fence: Fence) {
        let round = |fence: Fence| (fence.lineage, fence.round);
        if self.first.is_none_or(|(first, _)| round(first) != round(fence)) {
            self.first = Some((fence, SystemTime::now()));
        }
    }

    /// A round has closed; the next one begins.
    pub(crate) fn closed(&mut self, event: &Event) {
        let Event::Round { fence, source, contributors, frames, scores, .. } = event else { return };
        let (began, now) = (std::mem::replace(&mut self.began, SystemTime::now()), SystemTime::now());
        let Some(trace) = RoundTrace::of(&self.run, fence.lineage, fence.round) else { return };
        let since = |start: SystemTime| now.duration_since(start).unwrap_or_default();
        if let Some((first, at)) = self.first
            && (first.lineage, first.round) == (fence.lineage, fence.round)
        {
            // From the first contribution on, the round waits for the other ones.
            trace.part("gather", at, since(at), []);
        }
        let attributes = [
            ("stentor.run", Attribute::Text(self.run.clone())),
            ("stentor.lineage", Attribute::Count(fence.lineage)),
            ("stentor.round", Attribute::Count(fence.round)),
            ("stentor.membership_epoch", Attribute::Count(fence.membership_epoch)),
            ("stentor.source", Attribute::Text(source.name().to_owned())),
            ("stentor.members", Attribute::Count(contributors.len() as u64)),
            ("stentor.frames", Attribute::Count(*frames)),
            ("stentor.loss", Attribute::Number(scores.get(LOSS).unwrap_or_default())),
        ];
        trace.whole(began, since(began), attributes);
    }
}
