//! The live page of a run: for people with a browser, and for programs that read JSON.
//!
//! The coordinator sends a [`Note`] of everything that happens through a [`Feed`], and never waits. One task collects the notes;
//! [`Page::routes`] answers HTTP requests from what it has collected. The page knows neither the coordinator nor its state
//! machine: [`Note`] and [`View`] are all that it is told.
//!
//! The collected state, the snapshot of it that becomes JSON, and everything that they consist of are pure. Only `page` (the
//! queue and the event log of earlier incarnations) and `serve` (HTTP) do I/O.

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
mod view;
mod waiting;
mod words;

#[cfg(test)]
mod tests;

pub use note::{Arrived, Note, Setting, Wires};
pub use page::{Feed, Page};
pub use view::{MemberView, Owes, Stage, View};
