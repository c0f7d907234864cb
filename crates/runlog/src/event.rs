use crate::{Fence, Millis, Slot};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stentor_exchange::Encoding;
use stentor_experiment::{Source, Strategy};
use stentor_plan::Lease;

/// A line of the event log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A round closed.
    Round {
        /// Where.
        #[serde(flatten)]
        fence: Fence,
        /// Source of most of its batches.
        source: Source,
        /// Slots that contributed.
        contributors: Vec<Slot>,
        /// Batches committed, as the ledger knows them.
        leases: Vec<Lease>,
        /// How many of them are each contributor's, in the order of `contributors`. Logs of older programs do not say.
        #[serde(default)]
        shares: Vec<u32>,
        /// Valid frames.
        frames: u64,
        /// Frames committed after it, as planned.
        committed_frames: u64,
        /// Nats a frame.
        loss: f64,
        /// Percent of frames.
        frame_error: f64,
        /// The same for each source that it had frames of. Logs of older programs do not say: their rounds had one source.
        #[serde(default)]
        by_source: Vec<OfSource>,
        /// Norm of the first contributor's gradient.
        gradient_norm: f64,
        /// Share of values sent.
        values_sent: u64,
        /// Payload bytes of all contributions.
        bytes_up: u64,
        /// Seconds that the slowest member spent in forward and backward passes.
        compute_s: f64,
        /// How they were coded.
        encoding: Encoding,
        /// Since the coordinator's start.
        at_ms: Millis,
    },
    /// Members changed.
    Members {
        /// Where.
        #[serde(flatten)]
        fence: Fence,
        /// Who are members now.
        #[serde(with = "roster")]
        members: BTreeMap<Slot, String>,
        /// Why.
        reason: String,
    },
    /// Another strategy is in force from here on.
    Switched {
        /// The first round of it.
        #[serde(flatten)]
        fence: Fence,
        /// Before.
        from: Strategy,
        /// Now.
        to: Strategy,
    },
    /// The dev data was scored.
    Dev {
        /// The checkpoint.
        checkpoint: String,
        /// Frames committed.
        committed_frames: u64,
        /// Nats a frame.
        loss: f64,
        /// Percent of frames, over senones.
        frame_error: f64,
    },
    /// A share of the dev data had a loss that is not finite: the checkpoint is published without a score.
    Unscored {
        /// The checkpoint.
        checkpoint: String,
        /// Whose share.
        identity: String,
        /// In words: JSON has no such number.
        loss: String,
    },
    /// A contribution was refused: its loss or gradient is not finite. Nothing of it is in any sum.
    Refused {
        /// The round.
        #[serde(flatten)]
        fence: Fence,
        /// Who sent it.
        identity: String,
        /// What it had computed.
        leases: Vec<Lease>,
        /// Nats, in words: JSON has no number for what is not finite.
        loss: String,
        /// 2-norm, in words.
        gradient_norm: String,
    },
    /// The run fell back to a checkpoint; commits after it are void.
    FellBack {
        /// The new lineage.
        lineage: u64,
        /// The first round that is done again.
        round: u64,
        /// The checkpoint; none: the beginning.
        checkpoint: Option<String>,
        /// Frames committed there. Logs of older programs do not say.
        #[serde(default)]
        committed_frames: Option<u64>,
        /// Why.
        reason: String,
    },
    /// A row group was set aside: from here on nobody learns from it.
    Quarantined {
        /// Whose it is.
        source: Source,
        /// The shard.
        file: String,
        /// Counted within the shard.
        row_group: u64,
        /// Frames of its utterances.
        frames: u64,
        /// What is wrong with it.
        reason: String,
        /// Who met it first.
        worker: String,
    },
    /// A checkpoint was given up.
    Abandoned {
        /// Its name.
        checkpoint: String,
        /// Why.
        reason: String,
    },
}

/// What a round's batches of one source came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OfSource {
    /// Which.
    pub source: Source,
    /// Valid frames.
    pub frames: u64,
    /// Nats a frame.
    pub loss: f64,
    /// Percent of frames.
    pub frame_error: f64,
}

impl Event {
    /// What a closed round's batches came to, source by source; empty where it had no frames. In the log of an older program,
    /// whose rounds had one source each, it is what the round as a whole came to.
    #[must_use]
    pub fn by_source(&self) -> Vec<OfSource> {
        match *self {
            Event::Round { ref by_source, .. } if !by_source.is_empty() => by_source.clone(),
            Event::Round { source, frames, loss, frame_error, .. } if frames > 0 => {
                vec![OfSource { source, frames, loss, frame_error }]
            }
            _ => Vec::new(),
        }
    }
}

/// Members as `[{"slot": …, "identity": …}]`: within a tagged enum, serde reads no map back whose keys are numbers.
mod roster {
    use super::Slot;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    #[derive(Serialize, Deserialize)]
    struct Entry {
        slot: Slot,
        identity: String,
    }

    pub(super) fn serialize<S: Serializer>(
        roster: &BTreeMap<Slot, String>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(roster.iter().map(|(&slot, identity)| Entry { slot, identity: identity.clone() }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<Slot, String>, D::Error> {
        let entries = Vec::<Entry>::deserialize(from)?;
        Ok(entries.into_iter().map(|entry| (entry.slot, entry.identity)).collect())
    }
}
