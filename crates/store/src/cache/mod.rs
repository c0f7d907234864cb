//! A folder of this machine that keeps what was read from stores on the network.

mod files;
mod size;

use bytes::Bytes;
use files::Files;
pub use size::parse_size;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Keeps byte ranges of objects, so that a range is fetched from the network once and not in every pass. Cheap to clone;
/// several programs may share one folder.
///
/// An entry is found by location, version (the store's own tag) and range, so that a replaced object is never served from an
/// old copy. It carries a digest of its bytes: one that was damaged on this machine's disk is dropped and fetched again. The
/// entries that were used longest ago go where there is no room. A folder that cannot be written makes reading slower and
/// stops nobody.
#[derive(Debug, Clone)]
pub struct Cache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: Files,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Cache {
    /// A cache in `folder`, which appears with the first entry, of at most `limit` bytes.
    #[must_use]
    pub fn new(folder: &Path, limit: u64) -> Self {
        let files = Files::new(folder, limit);
        Self(Arc::new(Inner { files, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }))
    }

    /// Ranges served from the folder so far, and ranges that had to be fetched.
    #[must_use]
    pub fn hits_and_misses(&self) -> (u64, u64) {
        (self.0.hits.load(Ordering::Relaxed), self.0.misses.load(Ordering::Relaxed))
    }

    pub(crate) async fn get(&self, key: &Key) -> Option<Bytes> {
        let (inner, name) = (Arc::clone(&self.0), key.0.clone());
        // A task that panicked found nothing.
        let found = tokio::task::spawn_blocking(move || inner.files.read(&name)).await.ok().flatten();
        let counter = if found.is_some() { &self.0.hits } else { &self.0.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found.map(Bytes::from)
    }

    pub(crate) async fn put(&self, key: &Key, bytes: Bytes) {
        let (inner, name) = (Arc::clone(&self.0), key.0.clone());
        let written = tokio::task::spawn_blocking(move || inner.files.write(&name, &bytes)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "the cache cannot be written; what it should keep is fetched each time");
        }
    }
}

/// Name of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Key {
    pub(crate) fn new(location: &str, version: &str, range: &Range<u64>) -> Self {
        // Lengths keep the parts apart.
        let text = format!(
            "{} {location} {} {version} {}-{}",
            location.len(),
            version.len(),
            range.start,
            range.end
        );
        Self(blake3::hash(text.as_bytes()).to_hex().to_string())
    }
}

#[cfg(test)]
mod tests;
