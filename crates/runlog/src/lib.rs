//! What the coordinator writes down of a run, and how others read it: the event log, and its own state in checkpoints.
//!
//! The log is the objects `events/<incarnation>-<number>.jsonl` of the run's store, an [`Event`] a line, their names in the order
//! of time. The coordinator writes them with [`EventLog`]; [`read_events`] reads them all, [`parse_events`] reads one.
//!
//! [`Timeline`] tells which of the rounds in a log count. It is a pure function of the events.
//!
//! **Invariant:** a line that was once written can be read by every later version. A key that came later has a default, and says
//! what its absence means.

mod error;
mod event;
mod log;
mod round;
mod saved;
mod switches;
mod timeline;

pub use error::Error;
pub use event::{Event, OfSource};
pub use log::{EVENTS, EventLog, Segments, parse_events, read_events, visit_events};
pub use round::{Fence, Millis, Slot};
pub use saved::{BadRowGroup, Saved, State, saved_state, saved_switches};
pub use stentor_exchange::{Deltas, Encoding};
pub use switches::{Switch, Switches};
pub use timeline::{Return, Timeline};
