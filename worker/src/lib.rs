//! The worker: reads the batches that the coordinator leases to it, computes gradients, and exchanges them.
//!
//! [`run`] joins, trains (`session`, and what came of it in `learned`), and joins again after it was dismissed; `end` waits for the
//! last checkpoint. `feed` reads data ahead, `unit` lays it out, `replica` goes
//! forward and backward and gives the strategy in force its model and optimiser, `exchange` brings contributions to the
//! reducers and updates back, `boundary` does what a round's end asks for, `start` loads the model that a run starts from, `connector` says how others are reached.
//! [`replay`] computes a closed round's batches again, `poison` keeps a batch that was not finite for study.
//! [`measure`] exchanges without computing. Everything about the experiment comes from the coordinator; the command line holds local matters only.

mod boundary;
mod client;
mod connector;
mod end;
mod error;
mod exchange;
mod feed;
mod learned;
pub mod measure;
mod options;
mod poison;
mod reducers;
mod replay;
mod replica;
mod run;
mod session;
mod start;
mod state;
mod unit;

pub use connector::Connector;
pub use error::Error;
pub use options::{CommandLine, Options, Study};
pub use replay::{Figure, Replay, Replayed, ReplayedBatch, replay};
pub use run::{run, run_over};
