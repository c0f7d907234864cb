//! What the coordinator and the members of a run tell each other, as plain types. Both state machines speak in these;
//! `proto` has the same messages on the wire, and each program converts at its edge.

mod fence;
mod types;

pub use fence::{Fence, Slot};
pub use types::{Arrival, Assignment, Boundary, Closed, Report, Session, SumGroup, Written};
