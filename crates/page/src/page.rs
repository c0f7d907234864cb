//! The queue of notes, the task that collects them, and the state from which HTTP requests are answered.

use crate::board::Board;
use crate::note::{Note, Setting};
use crate::serve;
use crate::snapshot::Snapshot;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stentor_runlog::visit_events;
use stentor_runtime::Tokens;
use stentor_store::Store;
use tokio::sync::mpsc;

/// The page of a coordinator. It can be served before the run is known, and then says so.
#[derive(Debug, Clone, Default)]
pub struct Page {
    board: Arc<Mutex<Option<Board>>>,
    tokens: Tokens,
}

impl Page {
    /// If there are tokens, the figures are shown only to callers that present one of them.
    #[must_use]
    pub fn new(tokens: Tokens) -> Self {
        Self { board: Arc::default(), tokens }
    }

    /// Serves `/` with its static files, and `/api/status`.
    pub fn routes(&self) -> axum::Router {
        let page = self.clone();
        serve::routes(self.tokens.clone(), move || page.status())
    }

    /// Starts the page of a run, after reading the events in `run` that incarnations before `incarnation` logged. Must
    /// be called within a tokio runtime, which then runs the task that collects the notes.
    #[must_use]
    pub fn open(&self, setting: Setting, run: Store, incarnation: u64) -> Feed {
        *self.lock() = Some(Board::new(setting));
        let (feed, mut notes) = mpsc::unbounded_channel();
        let page = self.clone();
        tokio::spawn(async move {
            let remember = |event| page.with(|board| board.remember(&event));
            if let Err(error) = visit_events(&run, Some(incarnation), remember).await {
                tracing::warn!(%error, "cannot read earlier events; the page shows only what happens from now on");
            }
            while let Some(note) = notes.recv().await {
                page.with(|board| board.take(note));
            }
        });
        Feed(Some(feed))
    }

    /// Returns the snapshot as JSON; an empty object before the run is known.
    fn status(&self) -> serde_json::Result<String> {
        match self.lock().as_ref() {
            Some(board) => serde_json::to_string(&Snapshot::of(board)),
            None => Ok("{}".to_owned()),
        }
    }

    fn with(&self, act: impl FnOnce(&mut Board)) {
        if let Some(board) = self.lock().as_mut() {
            act(board);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Board>> {
        // If a panic interrupted a note, the board is still valid except for that note.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the coordinator reports events. Reporting never blocks and cannot fail. The default feed has no page.
#[derive(Debug, Clone, Default)]
pub struct Feed(Option<mpsc::UnboundedSender<Note>>);

impl Feed {
    /// Creates the note only if there is a page.
    pub fn tell(&self, note: impl FnOnce() -> Note) {
        if let Some(notes) = &self.0 {
            // The task that collects the notes ends with the runtime.
            let _ = notes.send(note());
        }
    }
}
