//! The live page: what a run does, for people with a browser and programs that read JSON.
//!
//! The engine tells ([`Feed`]) and never waits; a task of its own keeps the [`Board`](board::Board); the listener of `/metrics`
//! answers from it, on a thread of its own.

mod arrivals;
mod board;
mod curves;
mod figures;
mod forecast;
mod lists;
mod note;
mod pace;
mod serve;
mod snapshot;
mod waiting;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use note::{Arrived, Note, Setting, Wires};

use board::Board;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stentor_runlog::visit_events;
use stentor_runtime::Token;
use stentor_store::Store;
use tokio::sync::mpsc;

/// The page of a coordinator. It can be served before the run is known, and says so then.
#[derive(Debug, Clone, Default)]
pub struct Page {
    board: Arc<Mutex<Option<Board>>>,
    token: Option<Token>,
}

impl Page {
    /// With a token, the figures are shown only to whoever brings it.
    #[must_use]
    pub fn new(token: Option<Token>) -> Self {
        Self { board: Arc::default(), token }
    }

    /// `/` and what belongs to it, and `/api/status`.
    pub fn routes(&self) -> axum::Router {
        serve::routes(self.clone())
    }

    /// Opens the board of a run. What earlier incarnations than `incarnation` have logged in `run` is read first.
    pub(crate) fn open(&self, setting: Setting, run: Store, incarnation: u64) -> Feed {
        *self.lock() = Some(Board::new(setting));
        let (feed, mut notes) = mpsc::unbounded_channel();
        let page = self.clone();
        tokio::spawn(async move {
            let remember = |event| page.with(|board| board.remember(&event));
            if let Err(error) = visit_events(&run, Some(incarnation), remember).await {
                tracing::warn!(%error, "the page does not show what was before");
            }
            while let Some(note) = notes.recv().await {
                page.with(|board| board.take(note));
            }
        });
        Feed(Some(feed))
    }

    fn with(&self, act: impl FnOnce(&mut Board)) {
        if let Some(board) = self.lock().as_mut() {
            act(board);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Board>> {
        // A board that was left in the middle of a note still shows all but that note.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the engine tells what happens. Telling takes no time worth mention and cannot fail.
#[derive(Debug, Clone, Default)]
pub(crate) struct Feed(Option<mpsc::UnboundedSender<Note>>);

impl Feed {
    /// Makes the note only where there is a page.
    pub(crate) fn tell(&self, note: impl FnOnce() -> Note) {
        if let Some(notes) = &self.0 {
            // The task that keeps the board ends with the runtime.
            let _ = notes.send(note());
        }
    }
}
