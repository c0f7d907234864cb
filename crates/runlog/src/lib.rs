//! The coordinator's records of a run and how to read them: the event log, and the coordinator's state in checkpoints.
//!
//! The log consists of the objects `events/<incarnation>-<number>.jsonl` of the run's store, with one [`Event`] per
//! line; the order of their names is the order of time. The coordinator writes them with [`EventLog`]; [`read_events`]
//! reads them all, [`parse_events`] reads one.
//!
//! In a run that signs, the last line of each segment is its signature, which the readers skip; [`check_log`] checks them.
//!
//! [`Summary`] has the figures of a finished run. [`Timeline`] determines which rounds of a log count. It is a pure function of the events.
//!
//! **Invariant:** every later version can read every line that was ever written. A key that was added later has a
//! default, and its documentation says what its absence means.

mod error;
mod event;
mod gaps;
mod log;
mod saved;
mod signature;
mod summary;
mod switches;
mod timeline;

pub use error::Error;
pub use event::{Event, OfSource};
pub use log::{EVENTS, EventLog, Segments, parse_events, read_events, visit_events};
pub use saved::{BadRowGroup, Saved, State, saved_state, saved_switches};
pub use signature::{Segment, check_log, newest_segment};
pub use stentor_exchange::{Deltas, Encoding};
pub use stentor_messages::{Fence, Millis, Slot};
pub use summary::Summary;
pub use switches::{Switch, Switches};
pub use timeline::{Return, Timeline};
