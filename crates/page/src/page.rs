//! The queue of notes, the task that collects them, and what HTTP requests are answered from.

use crate::board::Board;
use crate::note::{Note, Setting};
use crate::serve;
use crate::snapshot::Snapshot;
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
    /// With a token, the figures are shown only to callers that present it.
    #[must_use]
    pub fn new(token: Option<Token>) -> Self {
        Self { board: Arc::default(), token }
    }

    /// `/` with the files that it refers to, and `/api/status`.
    pub fn routes(&self) -> axum::Router {
        let page = self.clone();
        serve::routes(self.token.clone(), move || page.status())
    }

    /// Begins the page of a run. Events that incarnations before `incarnation` have logged in `run` are read first. Must be called
    /// within a tokio runtime, which then runs the task that collects the notes.
    #[must_use]
    pub fn open(&self, setting: Setting, run: Store, incarnation: u64) -> Feed {
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

    /// The snapshot as JSON; an empty object before the run is known.
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
        // A board that was left in the middle of a note still shows all but that note.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the coordinator tells what happens. Telling takes no time worth mention and cannot fail. The default one has no page.
#[derive(Debug, Clone, Default)]
pub struct Feed(Option<mpsc::UnboundedSender<Note>>);

impl Feed {
    /// Makes the note only where there is a page.
    pub fn tell(&self, note: impl FnOnce() -> Note) {
        if let Some(notes) = &self.0 {
            // The task that collects the notes ends with the runtime.
            let _ = notes.send(note());
        }
    }
}
