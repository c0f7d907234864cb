//! How labels were refined, and how right they were before and after.

use crate::text::{Text, counted};
use indicatif::HumanCount;
use serde::Serialize;
use stentor_evaluate::Posteriors;
use stentor_inventory::SenoneId;

/// How well labels agree with alignments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Agreement {
    /// Frames with an alignment.
    pub(super) frames: u64,
    /// Those of them whose most probable label is another senone.
    pub(super) errors: u64,
    /// The sum of −ln of the aligned senones' probabilities.
    pub(super) nats: f64,
}

impl Agreement {
    /// Counts an utterance.
    pub(super) fn of(labels: &Posteriors, alignment: &[SenoneId]) -> Self {
        let mut row = vec![0.0; labels.senones()];
        let mut found = Self::default();
        for (frame, right) in alignment.iter().enumerate().take(labels.frames()) {
            labels.log_into(frame, &mut row);
            let Some(&of_right) = row.get(right.index()) else { continue };
            let is_best = row.iter().enumerate().all(|(id, value)| *value < of_right || id >= right.index());
            let is_best = is_best && row.iter().all(|value| *value <= of_right);
            found.frames += 1;
            found.errors += u64::from(!is_best);
            found.nats -= f64::from(of_right);
        }
        found
    }

    fn add(&mut self, other: Self) {
        self.frames += other.frames;
        self.errors += other.errors;
        self.nats += other.nats;
    }

    fn shown(self) -> String {
        let frames = self.frames as f64;
        format!(
            "{:.2} % of frames wrong, {:.3} nats",
            100.0 * self.errors as f64 / frames,
            self.nats / frames
        )
    }
}

/// What `--json` gets.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Figures {
    pub(super) features_fingerprint: String,
    /// Of the model whose labels were refined.
    pub(super) model_fingerprint: String,
    /// What the refined labels have in its place.
    pub(super) refined_fingerprint: String,
    /// Of the whole set; absent while other jobs are at work.
    pub(super) fingerprint: Option<String>,
    pub(super) share: f64,
    pub(super) draws: u32,
    pub(super) seed: u64,
    /// Language models, one for each fold of the groups.
    pub(super) folds: usize,
    /// Utterances of this job.
    pub(super) utterances: u64,
    pub(super) frames: u64,
    /// Utterances whose labels stay as they were, because the search found no path.
    pub(super) no_path: u64,
    /// The same, because nothing that was drawn could be aligned: no words, or too few frames for them.
    pub(super) no_alignment: u64,
    /// Distinct word sequences that were aligned.
    pub(super) alignments: u64,
    /// Shards that had been refined before.
    pub(super) shards_found: usize,
    /// Of frames with an alignment.
    pub(super) before: Agreement,
    pub(super) after: Agreement,
    pub(super) seconds: f64,
}

impl Figures {
    /// Adds the counts of an utterance.
    pub(super) fn add(&mut self, of: &Self) {
        self.utterances += of.utterances;
        self.frames += of.frames;
        self.no_path += of.no_path;
        self.no_alignment += of.no_alignment;
        self.alignments += of.alignments;
        self.before.add(of.before);
        self.after.add(of.after);
    }

    pub(super) fn text(&self, out: &str) -> String {
        let mut text = Text::default();
        text.heading(match &self.fingerprint {
            Some(_) => format!("label set {out}"),
            None => format!("part of the label set {out}; other jobs' shards are missing"),
        });
        let kept = self.no_path + self.no_alignment;
        text.item("refined", counted(self.utterances - kept, "utterance"));
        if kept > 0 {
            text.item(
                "as before",
                format!(
                    "{}: no path in {}, nothing to align in {}",
                    counted(kept, "utterance"),
                    self.no_path,
                    self.no_alignment
                ),
            );
        }
        if self.shards_found > 0 {
            text.item("refined before", counted(self.shards_found as u64, "shard"));
        }
        text.item("frames", HumanCount(self.frames));
        if self.before.frames > 0 {
            text.item("before, against the set's alignments", self.before.shown());
            text.item("after", self.after.shown());
        }
        text.finish()
    }
}
