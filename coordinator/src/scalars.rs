//! The run's figures for TensorBoard, from the same events as the event log.

use bytes::Bytes;
use std::time::{SystemTime, UNIX_EPOCH};
use stentor_experiment::{Schedule, Source};
use stentor_rounds::{Encoding, Event, Millis, OfSource};
use stentor_scores::Scores;
use stentor_store::Store;
use stentor_tensorboard::{PREFIX, Segment};
use tokio::task::JoinSet;

/// Folder in a run's folder.
const FOLDER: &str = "tensorboard";

/// A segment is written after this fraction of the run's age, so that long runs have few segments.
const SHARE_OF_AGE: u64 = 100;
/// Shortest time between two segments.
const SHORTEST_MS: Millis = 5_000;

/// Scalars over committed frames, written in segments like the event log.
#[derive(Debug)]
pub(crate) struct Scalars {
    store: Store,
    incarnation: u64,
    number: u64,
    segment: Segment,
    cut_ms: Millis,
    writes: JoinSet<()>,
    /// Number of values of the model.
    parameters: usize,
    total_frames: u64,
    schedule: Schedule,
    /// Whether the annotated batches have a learning rate of their own.
    two_sources: bool,
}

/// A segment and its location.
#[derive(Debug)]
pub(crate) struct Cut {
    store: Store,
    name: String,
    bytes: Bytes,
}

impl Scalars {
    pub(crate) fn new(
        run: &Store,
        incarnation: u64,
        parameters: usize,
        total_frames: u64,
        schedule: &Schedule,
        two_sources: bool,
    ) -> Self {
        Self {
            store: run.child(FOLDER),
            incarnation,
            number: 0,
            segment: Segment::default(),
            cut_ms: 0,
            writes: JoinSet::new(),
            parameters,
            total_frames,
            schedule: schedule.clone(),
            two_sources,
        }
    }

    /// Adds the figures of an event at time `now`.
    pub(crate) fn record(&mut self, event: &Event, now: SystemTime) {
        let wall_s = now.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        match event {
            Event::Round { committed_frames, .. } => {
                let figures = self.round(event);
                let figures = figures.iter().map(|(tag, value)| (tag.as_str(), *value));
                self.segment.scalars(wall_s, *committed_frames, figures);
            }
            Event::Dev { committed_frames, scores, .. } => {
                let figures: Vec<_> = tagged(scores, "dev").collect();
                let figures = figures.iter().map(|(tag, value)| (tag.as_str(), *value));
                self.segment.scalars(wall_s, *committed_frames, figures);
            }
            Event::FellBack { committed_frames: Some(frames), .. } => {
                self.segment.restart(wall_s, frames + 1);
            }
            _ => {}
        }
    }

    /// Begins to write the next segment if it is due.
    pub(crate) fn write_if_due(&mut self, now_ms: Millis) {
        while self.writes.try_join_next().is_some() {}
        if let Some(cut) = self.cut_if_due(now_ms) {
            self.writes.spawn(cut.write());
        }
    }

    /// Writes the last segment, and waits for all writes in progress.
    pub(crate) async fn finish(&mut self) {
        if let Some(cut) = self.cut() {
            cut.write().await;
        }
        while self.writes.join_next().await.is_some() {}
    }

    fn cut_if_due(&mut self, now_ms: Millis) -> Option<Cut> {
        let due = self.cut_ms + SHORTEST_MS.max(now_ms / SHARE_OF_AGE);
        if now_ms < due {
            return None;
        }
        self.cut_ms = now_ms;
        self.cut()
    }

    /// The figures since the last segment.
    pub(crate) fn cut(&mut self) -> Option<Cut> {
        let bytes = self.segment.take()?.into();
        // TensorBoard reads the files of a folder in the order of their names.
        let name = format!("{PREFIX}{:06}-{:06}", self.incarnation, self.number);
        self.number += 1;
        Some(Cut { store: self.store.clone(), name, bytes })
    }

    fn round(&self, event: &Event) -> Vec<(String, f64)> {
        let &Event::Round {
            ref contributors,
            frames,
            committed_frames,
            gradient_norm,
            values_sent,
            bytes_up,
            compute_s,
            encoding,
            ..
        } = event
        else {
            return Vec::new();
        };
        let mut figures = Vec::new();
        // Nothing is learned when groups only exchange models, or in a round of empty batches.
        if frames > 0 {
            for OfSource { source, scores, .. } in event.by_source() {
                figures.extend(tagged(&scores, source.name()));
                let rate = self.learning_rate(source, committed_frames);
                figures.push((format!("learning_rate/{}", source.name()), rate));
            }
            figures.push(("gradient_norm".to_owned(), gradient_norm));
            figures.push(("exchange/bytes_per_frame".to_owned(), bytes_up as f64 / frames as f64));
            figures.push(("seconds/compute".to_owned(), compute_s));
        }
        match encoding {
            Encoding::Threshold { tau, .. } => {
                let values = (self.parameters * contributors.len()).max(1) as f64;
                figures.push(("exchange/tau".to_owned(), tau.into()));
                figures.push(("exchange/density".to_owned(), values_sent as f64 / values));
            }
            Encoding::Block { momentum, .. } => {
                figures.push(("exchange/block_momentum".to_owned(), momentum));
            }
            Encoding::Dense { .. } => {}
        }
        figures
    }

    /// The learning rate after `committed` frames.
    fn learning_rate(&self, source: Source, committed: u64) -> f64 {
        let rate = self.schedule.learning_rate_at(committed as f64 / self.total_frames.max(1) as f64);
        let multiplied = self.two_sources && source == Source::Annotated;
        if multiplied { rate * self.schedule.annotated_multiplier } else { rate }
    }
}

/// Scores with their tags: `loss/dev`, `frame_error/dev`.
fn tagged(scores: &Scores, of: &str) -> impl Iterator<Item = (String, f64)> {
    scores.iter().map(move |(criterion, value)| (format!("{}/{of}", criterion.key()), value))
}

impl Cut {
    /// Writes the segment. A failure is only logged, because training does not depend on these curves.
    pub(crate) async fn write(self) {
        if let Err(error) = self.store.put(&self.name, self.bytes).await {
            tracing::warn!(%error, "figures for TensorBoard could not be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_scores::LOSS;

    #[test]
    fn segments_come_quickly_at_first_and_then_with_a_hundredth_of_the_age() {
        let mut scalars = Scalars::new(&Store::in_memory(), 1, 1, 100, &Schedule::default(), false);
        let mut cuts = Vec::new();
        for second in 0..100_000 {
            let scores = Scores::default().with(LOSS, 1.0);
            let event = Event::Dev { checkpoint: "c".into(), committed_frames: second, scores };
            scalars.record(&event, SystemTime::now());
            if let Some(cut) = scalars.cut_if_due(second * 1000) {
                cuts.push((second, cut.name));
            }
        }
        assert_eq!(cuts[0], (5, "events.out.tfevents.000001-000000".to_owned()));
        assert!(cuts.is_sorted() && cuts.len() < 700, "{} segments in 28 hours", cuts.len());
    }
}
