//! A local folder that caches what was read from stores on the network.

mod files;
mod size;

use blake3::Hash;
use bytes::Bytes;
use files::Files;
pub use size::parse_size;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Caches byte ranges of objects, so that each range crosses the network once and not in every pass. Cheap to clone;
/// several programs may share one folder.
///
/// An entry is found by the digest of its bytes. So an entry is never wrong, even if an object is replaced; an entry
/// damaged on the local disk is dropped and fetched again. When the cache is full, the least recently used entries are
/// removed. If the folder cannot be written, reading is slower, but nothing fails.
#[derive(Debug, Clone)]
pub struct Cache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: Files,
    /// Whether a failure to write to the folder has been logged.
    told: AtomicBool,
}

impl Cache {
    /// A cache of at most `limit` bytes in `folder`, which is created with the first entry.
    #[must_use]
    pub fn new(folder: &Path, limit: u64) -> Self {
        Self(Arc::new(Inner { files: Files::new(folder, limit), told: AtomicBool::new(false) }))
    }

    pub(crate) async fn get(&self, digest: Hash) -> Option<Bytes> {
        let inner = Arc::clone(&self.0);
        // A panic in the task counts as a miss.
        let found = tokio::task::spawn_blocking(move || inner.files.read(digest)).await.ok().flatten();
        found.map(Bytes::from)
    }

    /// Stores `bytes`, which have this digest.
    pub(crate) async fn put(&self, digest: Hash, bytes: Bytes) {
        let inner = Arc::clone(&self.0);
        let written = tokio::task::spawn_blocking(move || inner.files.write(digest, &bytes)).await;
        if let Ok(Err(error)) = written
            && !self.0.told.swap(true, Ordering::Relaxed)
        {
            let folder = self.0.files.folder().display();
            tracing::warn!(%error, %folder, "cannot write to the cache; data will be fetched again each time");
        }
    }
}
