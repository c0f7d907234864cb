use crate::{Fence, Millis, Slot};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stentor_exchange::Encoding;
use stentor_experiment::{Source, Strategy};
use stentor_plan::Lease;
use stentor_scores::Scores;

/// A line of the event log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A round closed.
    Round {
        /// The round.
        #[serde(flatten)]
        fence: Fence,
        /// Source of most of its batches.
        source: Source,
        /// Slots that contributed.
        contributors: Vec<Slot>,
        /// Batches committed, as in the ledger.
        leases: Vec<Lease>,
        /// Number of batches of each contributor, in the order of `contributors`. Absent in logs of older versions.
        #[serde(default)]
        shares: Vec<u32>,
        /// Number of valid frames.
        frames: u64,
        /// Number of frames committed after it, as planned.
        committed_frames: u64,
        /// Scores of its batches: `loss`, `frame_error`.
        #[serde(flatten)]
        scores: Scores,
        /// The same for each source that it had frames of. Absent in logs of older versions, whose rounds had one
        /// source.
        #[serde(default)]
        by_source: Vec<OfSource>,
        /// Norm of the first contributor's gradient.
        gradient_norm: f64,
        /// Number of values sent.
        values_sent: u64,
        /// Payload bytes of all contributions.
        bytes_up: u64,
        /// Seconds that the slowest member spent in forward and backward passes.
        compute_s: f64,
        /// Encoding of the contributions.
        encoding: Encoding,
        /// Milliseconds since the coordinator's start.
        at_ms: Millis,
    },
    /// The members changed.
    Members {
        /// The first round with these members.
        #[serde(flatten)]
        fence: Fence,
        /// Identities of the members, by slot.
        #[serde(with = "roster")]
        members: BTreeMap<Slot, String>,
        /// Reason of the change.
        reason: String,
    },
    /// Another strategy is used from here on.
    Switched {
        /// The first round with the new strategy.
        #[serde(flatten)]
        fence: Fence,
        /// Strategy before.
        from: Strategy,
        /// Strategy from here on.
        to: Strategy,
    },
    /// Dev data were scored.
    Dev {
        /// The checkpoint.
        checkpoint: String,
        /// Number of frames committed.
        committed_frames: u64,
        /// Its scores: `loss`, `frame_error`.
        #[serde(flatten)]
        scores: Scores,
    },
    /// A share of the dev data had a loss that is not finite: the checkpoint is published without a score.
    Unscored {
        /// The checkpoint.
        checkpoint: String,
        /// Identity whose share it is.
        identity: String,
        /// The loss as text: JSON has no number for it.
        loss: String,
    },
    /// A contribution was refused because its loss or gradient is not finite. It is in no sum.
    Refused {
        /// The round.
        #[serde(flatten)]
        fence: Fence,
        /// Identity of the sender.
        identity: String,
        /// Batches that it had computed.
        leases: Vec<Lease>,
        /// Loss in nats as text: JSON has no number for values that are not finite.
        loss: String,
        /// 2-norm as text.
        gradient_norm: String,
    },
    /// The run fell back to a checkpoint; commits after it are void.
    FellBack {
        /// The new lineage.
        lineage: u64,
        /// The first round that is repeated.
        round: u64,
        /// The checkpoint; `None`: the start of the run.
        checkpoint: Option<String>,
        /// Number of frames committed there. Absent in logs of older versions.
        #[serde(default)]
        committed_frames: Option<u64>,
        /// Reason of the fall-back.
        reason: String,
    },
    /// A row group was quarantined: it is not trained on from here on.
    Quarantined {
        /// Source of the row group.
        source: Source,
        /// Name of the shard.
        file: String,
        /// Number within the shard.
        row_group: u64,
        /// Number of frames of its utterances.
        frames: u64,
        /// What is wrong with it.
        reason: String,
        /// Worker that found it first.
        worker: String,
    },
    /// Somebody gave the coordinator a command.
    Commanded {
        /// What is to be done, in words.
        command: String,
        /// Who it was: the name in a certificate, or a kind of token.
        caller: String,
        /// The address of the caller, if it is known.
        address: Option<String>,
    },
    /// An object of the run's folder was found without the run's signature when the run was resumed, and was not used.
    Forged {
        /// Its name in the folder: a checkpoint or a segment of the log.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint was abandoned.
    Abandoned {
        /// Its name.
        checkpoint: String,
        /// Reason.
        reason: String,
    },
}

/// The result of a round's batches of one source.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OfSource {
    /// The source.
    pub source: Source,
    /// Number of valid frames.
    pub frames: u64,
    /// Scores of the batches: `loss`, `frame_error`.
    #[serde(flatten)]
    pub scores: Scores,
}

impl Event {
    /// Returns the results of a closed round by source; empty if it had no frames. For logs of older versions, whose
    /// rounds had one source each, this is the result of the whole round.
    #[must_use]
    pub fn by_source(&self) -> Vec<OfSource> {
        match *self {
            Event::Round { ref by_source, .. } if !by_source.is_empty() => by_source.clone(),
            Event::Round { source, frames, scores, .. } if frames > 0 => {
                vec![OfSource { source, frames, scores }]
            }
            _ => Vec::new(),
        }
    }
}

/// Members as `[{"slot": …, "identity": …}]`: inside a tagged enum, serde cannot read a map with numeric keys.
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
