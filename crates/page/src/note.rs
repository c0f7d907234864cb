//! The inputs of the page.

use stentor_experiment::Experiment;
use stentor_messages::{Arrival, Millis, View};
use stentor_runlog::Event;

/// What stays the same during the whole run.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The run's id.
    pub run_id: String,
    /// Its experiment.
    pub experiment: Experiment,
    /// Number of values of the model.
    pub parameters: usize,
    /// Number of frames in a pass over each source, by [`Source::index`](stentor_experiment::Source::index).
    pub pass_frames: [u64; 2],
}

/// An event. Times are those of the event log: milliseconds since the coordinator started.
#[derive(Debug, Clone)]
pub enum Note {
    /// An entry of the event log, and when it was written.
    Event(Event, Millis),
    /// A process requests membership.
    Joining {
        /// Its name, stable across restarts.
        identity: String,
        /// The machine on which it runs.
        host: String,
    },
    /// A contribution was computed, and when its facts arrived.
    Arrived(Arrival, Millis),
    /// A checkpoint's manifest was written to the store.
    Published {
        /// The checkpoint's name.
        checkpoint: String,
        /// When it was written.
        at_ms: Millis,
    },
    /// The current state of the run, the bytes transferred so far, and the time of both.
    View(Box<View>, Wires, Millis),
    /// The run has ended; the outcome in a sentence.
    Ended(String),
}

/// Bytes transferred by all members over the whole run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wires {
    /// Up and down, headers included.
    pub bytes: u64,
    /// Frames for which they were sent.
    pub frames: u64,
}
