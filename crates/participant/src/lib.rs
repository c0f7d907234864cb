//! A worker's part in a run, as a pure state machine: joining, the rounds of a membership, the duties at boundaries, and the end.
//!
//! An [`Input`] goes in, [`Action`]s come out in the order in which the shell must carry them out. The state machine decides; the
//! shell computes, communicates, and reads and writes objects. There is no clock, socket, thread, file or tensor here. Two shells
//! use it: the worker, and the simulation.
//!
//! | module | decides |
//! |---|---|
//! | `life` | joining, joining again, and how a worker ends |
//! | `session` | the rounds of one membership: what is computed, reported, encoded and applied |
//! | `exchange` | when a contribution is staged (again), when a sum may be fetched, and when it counts |
//! | `duties` | what a member does at a boundary, in which order |
//! | `learned` | whose figures a contribution reports |

mod duties;
mod exchange;
mod io;
mod learned;
mod life;
mod session;

#[cfg(test)]
mod tests;

pub use io::{Action, Apply, Batch, BatchScore, Encoded, End, Input, Rules, Staging};
pub use life::Participant;
