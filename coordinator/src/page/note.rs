//! What the engine tells the page.

use crate::state_machine::{Arrival, Event, Millis, View};
use stentor_experiment::Experiment;

/// What is fixed for the whole run.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) run_id: String,
    pub(crate) experiment: Experiment,
    /// Values of the model.
    pub(crate) parameters: usize,
    /// Of a pass, by source.
    pub(crate) pass_frames: [u64; 2],
}

/// What the engine tells.
#[derive(Debug, Clone)]
pub(crate) enum Note {
    /// An entry of the event log.
    Event(Event, Millis),
    /// A process asks for membership.
    Joining { identity: String, host: String },
    /// A contribution is computed.
    Arrived(Arrived),
    /// A checkpoint's manifest is in the store.
    Published { checkpoint: String, at_ms: Millis },
    /// Where the run stands.
    View(Box<View>, Wires, Millis),
    /// How it ended.
    Ended(String),
}

/// A contribution's arrival.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) identity: String,
    pub(crate) lineage: u64,
    pub(crate) round: u64,
    pub(crate) payload_bytes: u64,
    pub(crate) residual_norm: f64,
    pub(crate) at_ms: Millis,
}

impl Arrived {
    pub(crate) fn of(arrival: &Arrival, at_ms: Millis) -> Self {
        Self {
            identity: arrival.identity.clone(),
            lineage: arrival.fence.lineage,
            round: arrival.fence.round,
            payload_bytes: arrival.payload_bytes,
            residual_norm: arrival.residual_norm,
            at_ms,
        }
    }
}

/// What has gone over all members' wires, over the whole run.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wires {
    pub(crate) bytes: u64,
    pub(crate) frames: u64,
}
