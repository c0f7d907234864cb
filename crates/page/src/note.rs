//! What the page is told.

use crate::view::View;
use stentor_experiment::Experiment;
use stentor_runlog::{Event, Millis};

/// What is fixed for the whole run.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The run's id.
    pub run_id: String,
    /// Its experiment.
    pub experiment: Experiment,
    /// Values of the model.
    pub parameters: usize,
    /// Frames of a pass over each source, by [`Source::index`](stentor_experiment::Source::index).
    pub pass_frames: [u64; 2],
}

/// Something that happened. Times are those of the event log: milliseconds since the coordinator started.
#[derive(Debug, Clone)]
pub enum Note {
    /// An entry of the event log, and when it was written.
    Event(Event, Millis),
    /// A process asks for membership.
    Joining {
        /// Its name, stable across restarts.
        identity: String,
        /// The machine that it runs on.
        host: String,
    },
    /// A contribution is computed.
    Arrived(Arrived),
    /// A checkpoint's manifest is in the store.
    Published {
        /// The checkpoint's name.
        checkpoint: String,
        /// When.
        at_ms: Millis,
    },
    /// Where the run stands, what has been transferred, and when that was.
    View(Box<View>, Wires, Millis),
    /// The run is over; how it ended, in a sentence.
    Ended(String),
}

/// A contribution's arrival.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// The sender.
    pub identity: String,
    /// Lineage of the round that it belongs to.
    pub lineage: u64,
    /// The round.
    pub round: u64,
    /// Length of its payload.
    pub payload_bytes: u64,
    /// 2-norm of what the sender kept back.
    pub residual_norm: f64,
    /// When it arrived.
    pub at_ms: Millis,
}

/// What has gone over all members' wires, over the whole run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wires {
    /// Up and down, headers included.
    pub bytes: u64,
    /// Frames that they were sent for.
    pub frames: u64,
}
