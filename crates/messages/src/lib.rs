//! What the coordinator and the members of a run tell each other, as plain types. Both state machines speak in these;
//! `proto` has the same messages on the wire, and each program converts at its edge. [`View`] is what the state machine says of a run
//! to those who watch it.

mod fence;
mod types;
mod view;

pub use fence::{Fence, Millis, Slot};
pub use types::{Arrival, Assignment, Boundary, Closed, Report, Session, SumGroup, Written};
pub use view::{MemberView, Owes, Pausing, Stage, View};
