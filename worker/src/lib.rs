//! The worker: reads the batches that the coordinator leases to it, computes gradients, and exchanges them.
//!
//! [`run`] joins, trains (`session`, with the round's figures in `learned`), and joins again after a dismissal; `end`
//! waits for the last checkpoint. `feed` reads data ahead, and `unit` lays them out. `replica` runs the forward and
//! backward passes and is the worker's side of each exchange strategy. `exchange` sends contributions to the reducers
//! and receives updates. `boundary` performs the duties at a round's end, `start` loads the model that a run starts
//! from, and `lines` opens connections. [`replay`] computes a closed round's batches again, `poison` saves a batch
//! that was not finite for study, and [`measure`] exchanges without computing. All settings of the experiment come
//! from the coordinator; the command line has only local settings.

mod boundary;
mod client;
mod end;
mod error;
mod exchange;
mod feed;
mod learned;
mod lines;
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

pub use error::Error;
pub use lines::Lines;
pub use options::{CommandLine, Options, Study};
pub use replay::{Figure, Replay, Replayed, ReplayedBatch, replay};
pub use run::{run, run_over};
