//! A folder of this machine that keeps what was read from stores on the network.

mod files;
mod size;

use blake3::Hash;
use bytes::Bytes;
use files::Files;
pub use size::parse_size;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Keeps byte ranges of objects, so that each comes over the network once and not in every pass. Cheap to clone; several
/// programs may share one folder.
///
/// An entry is found by the digest of its bytes: what is served is what was asked for, however objects are replaced, and what
/// was damaged on this machine's disk is dropped and fetched again. The entries that were used longest ago go where there is
/// no room. A folder that cannot be written makes reading slower and stops nobody.
#[derive(Debug, Clone)]
pub struct Cache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: Files,
    /// Whether somebody was told already that the folder cannot be written.
    told: AtomicBool,
}

impl Cache {
    /// A cache in `folder`, which appears with the first entry, of at most `limit` bytes.
    #[must_use]
    pub fn new(folder: &Path, limit: u64) -> Self {
        Self(Arc::new(Inner { files: Files::new(folder, limit), told: AtomicBool::new(false) }))
    }

    pub(crate) async fn get(&self, digest: Hash) -> Option<Bytes> {
        let inner = Arc::clone(&self.0);
        // A task that panicked found nothing.
        let found = tokio::task::spawn_blocking(move || inner.files.read(digest)).await.ok().flatten();
        found.map(Bytes::from)
    }

    /// Keeps `bytes`, which have this digest.
    pub(crate) async fn put(&self, digest: Hash, bytes: Bytes) {
        let inner = Arc::clone(&self.0);
        let written = tokio::task::spawn_blocking(move || inner.files.write(digest, &bytes)).await;
        if let Ok(Err(error)) = written
            && !self.0.told.swap(true, Ordering::Relaxed)
        {
            let folder = self.0.files.folder().display();
            tracing::warn!(%error, %folder, "the cache cannot be written: what it should keep is fetched each time");
        }
    }
}
