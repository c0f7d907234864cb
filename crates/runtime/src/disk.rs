//! Free space on the disks that a program writes to, so that people see a lack of space before a checkpoint fails.

use crate::metrics;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::Duration;

/// Time between two measurements: that between two scrapes.
const EVERY: Duration = Duration::from_secs(15);

/// Folders whose disks are measured, with their purpose.
static WATCHED: Mutex<Vec<(&'static str, PathBuf)>> = Mutex::new(Vec::new());
/// The thread that measures.
static THREAD: Once = Once::new();

/// Makes `/metrics` show the free space at `location`: a folder, which need not exist yet, or a `file://` URL. Object
/// stores have no limit and are not shown. `what` becomes the label.
///
/// A thread measures from now on: the question can hang for ever on a file server that has gone, and whoever answers scrapes and
/// probes must not hang with it.
pub fn watch_disk(what: &'static str, location: &str) {
    let Some(folder) = local(location) else { return };
    let mut watched = watched();
    watched.retain(|(name, _)| *name != what);
    watched.push((what, folder));
    drop(watched);
    THREAD.call_once(|| {
        let measuring = thread::Builder::new().name("disks".to_owned()).spawn(|| {
            loop {
                measure();
                thread::sleep(EVERY);
            }
        });
        if let Err(error) = measuring {
            tracing::warn!(%error, "the free space of disks is not measured");
        }
    });
}

/// Measures all watched disks.
fn measure() {
    let folders = watched().clone();
    for (what, folder) in folders {
        if let Some(Room { free, size }) = room(&folder) {
            metrics::disk_free(free, what);
            metrics::disk_size(size, what);
        }
    }
}

fn watched() -> MutexGuard<'static, Vec<(&'static str, PathBuf)>> {
    // The list is consistent even if a thread panicked while holding the lock.
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn local(location: &str) -> Option<PathBuf> {
    match location.split_once("://") {
        Some(("file", path)) => Some(path.into()),
        Some(_) => None,
        None => Some(location.into()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    /// Bytes that can still be written without root.
    free: u64,
    /// Size of the whole file system in bytes.
    size: u64,
}

/// Free space and size of the file system of `folder`, or of the nearest existing folder above it.
fn room(folder: &Path) -> Option<Room> {
    let folder = std::path::absolute(folder).ok()?;
    let there = folder.ancestors().find(|folder| folder.exists())?;
    let found = rustix::fs::statvfs(there).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Some(Room { free: bytes(found.f_bavail), size: bytes(found.f_blocks) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_found_where_a_folder_is_or_will_be() {
        let here = room(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert!(here.free <= here.size && here.size > 1 << 20, "{here:?}");
        let later = room(&Path::new(env!("CARGO_MANIFEST_DIR")).join("not/there/yet")).unwrap();
        assert_eq!(later.size, here.size);
    }

    #[test]
    fn folders_and_file_urls_have_disks_and_object_stores_have_none() {
        assert_eq!(local("runs/student"), Some("runs/student".into()));
        assert_eq!(local("file:///runs/student"), Some("/runs/student".into()));
        assert_eq!(local("s3://bucket/student"), None);
    }
}
