//! The coordinator: membership, work ledger, rounds, reduction. It links no libtorch and reads no audio.
//!
//! [`stentor_rounds`] decides and is pure; the modules here act: `service` speaks gRPC, `engine` owns the state machine and carries out
//! its actions, `publish`, `scalars` and the event log of `stentor-runlog` write to the object store. `reducer` is the data
//! plane: it adds contributions and decides nothing. `access` authorises calls. [`serve`] starts all of this on a given
//! listener, [`serve_over`] on given connections; [`serve_reducer`] starts a reducer alone, and [`serve_finished`] what is left
//! to say after a run.

mod access;
mod block;
mod claim;
mod command;
mod commands;
mod engine;
mod epilogue;
mod error;
mod gauges;
mod holders;
mod inspect;
mod limits;
mod listener;
mod marker;
mod operate;
mod options;
mod orders;
mod pause;
mod perform;
mod publish;
mod reducer;
mod resume;
mod run;
mod scalars;
mod sender;
mod service;
mod signing;
#[cfg(test)]
mod small_run;
mod spans;
mod start;
mod summary;
mod switch;
mod watch;
mod wire;

pub use epilogue::serve_finished;
pub use error::Error;
pub use listener::Listener;
pub use options::{Options, Progress, Start, read_experiment};
pub use run::{serve, serve_over, serve_reducer};
pub use signing::Signing;
pub use stentor_page::Page;
pub use stentor_runlog::Summary;
