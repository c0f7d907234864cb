pub use stentor_messages::{Fence, Slot};

/// Milliseconds since the coordinator started. The state machine has no clock: every input contains the time.
pub type Millis = u64;
