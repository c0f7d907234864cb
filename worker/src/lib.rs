//! The worker: reads the batches that the coordinator leases to it, computes gradients, and exchanges them.
//!
//! The crate `stentor-participant` decides what a worker does; this crate carries it out. [`run`](run()) is the loop around the
//! participant. `session` holds what a member has loaded: `feed` reads data ahead, `unit` lays it out, `replica` goes forward
//! and backward and gives the strategy in force its model and optimiser, `exchange` brings contributions to the reducers and
//! updates back, `state` writes and loads checkpoints, `boundary` scores dev data, `start` loads the model that a run starts
//! from. `wire` converts messages, `connector` says how others are reached.
//! [`replay`](replay()) computes a closed round's batches again, `poison` records a batch that was not finite.
//! [`measure`] exchanges without computing. Everything about the experiment comes from the coordinator; the command line holds
//! local matters only.

mod boundary;
mod client;
mod connector;
mod error;
mod exchange;
mod feed;
mod figure;
mod joined;
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
mod threads;
mod unit;
mod wire;

pub use connector::Connector;
pub use error::Error;
pub use figure::Figure;
pub use options::{CommandLine, Options, Study};
pub use replay::{Replay, Replayed, ReplayedBatch, replay};
pub use run::{run, run_over};
