//! The live page of a run: HTML for browsers, and JSON for programs.
//!
//! The coordinator sends a [`Note`] about each event through a [`Feed`], which never blocks. One task collects the
//! notes; [`Page::routes`] answers HTTP requests from the collected state. The page does not depend on the coordinator
//! or its state machine: [`Note`] is its only input.
//!
//! The collected state, the snapshot that is serialised as JSON, and all their parts are pure. Only `page` (the queue,
//! and the event log of earlier incarnations) and `serve` (HTTP) do I/O.

mod arrivals;
mod board;
mod curves;
mod figures;
mod forecast;
mod lists;
mod note;
mod pace;
mod page;
mod serve;
mod snapshot;
mod waiting;
mod words;

#[cfg(test)]
mod tests;

pub use note::{Note, Setting, Wires};
pub use page::{Feed, Page};
