//! Work on many items side by side.

use crate::exit::stopped;
use anyhow::Result;
use rayon::prelude::*;
use stentor_runtime::Shutdown;

/// Threads, and the signals that end their work.
#[derive(Clone, Copy)]
pub(crate) struct Threads<'a> {
    pub(crate) pool: &'a rayon::ThreadPool,
    pub(crate) shutdown: &'a Shutdown,
    /// What another start does after a signal.
    pub(crate) again: &'static str,
}

impl Threads<'_> {
    /// Does `work` for each item on all threads. Results are in the order of the items, so they do not depend on the threads. A signal
    /// ends it between two items.
    pub(crate) fn each<T: Send, R: Send>(
        self,
        items: Vec<T>,
        work: impl Fn(T) -> Result<R> + Sync + Send,
    ) -> Result<Vec<R>> {
        let Self { pool, shutdown, again } = self;
        let work = |item| match shutdown.is_requested() {
            true => Err(stopped(again)),
            false => work(item),
        };
        // Each item is taken alone: utterances differ much in length.
        pool.install(|| items.into_par_iter().with_max_len(1).map(work).collect())
    }
}
