use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Bytes of a digest before an entry's own.
const DIGEST: usize = 32;
/// Where an entry is written before it is whole.
const DRAFT: &str = "draft";
/// A draft this old is nobody's any more.
const ABANDONED: Duration = Duration::from_secs(3600);

/// The entries on disk, bounded in their sum.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    limit: u64,
    /// Bytes that may still be written before the folder is looked through again. Other programs write there too: what is
    /// really in it only the folder knows.
    room: Mutex<Option<u64>>,
    drafts: AtomicU64,
}

impl Files {
    pub(super) fn new(folder: &Path, limit: u64) -> Self {
        Self { folder: folder.to_owned(), limit, room: Mutex::new(None), drafts: AtomicU64::new(0) }
    }

    /// The bytes of an entry that is there and whole.
    pub(super) fn read(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.folder.join(name);
        let mut bytes = fs::read(&path).ok()?;
        if bytes.len() < DIGEST || blake3::hash(&bytes[DIGEST..]).as_bytes() != &bytes[..DIGEST] {
            tracing::warn!(entry = %path.display(), "damaged in the cache: fetched again");
            let _ = fs::remove_file(&path);
            return None;
        }
        // Used just now: others go first. Where it does not succeed, it may go early.
        let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        bytes.drain(..DIGEST);
        Some(bytes)
    }

    /// Writes an entry whole or not at all, and makes room for it. One that would take most of the room is not kept.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let size = (DIGEST + bytes.len()) as u64;
        if size > self.limit / 2 {
            return Ok(());
        }
        self.make_room(size)?;
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let draft = self.folder.join(format!("{}-{number}.{DRAFT}", std::process::id()));
        let written = File::create(&draft).and_then(|mut file| {
            file.write_all(blake3::hash(bytes).as_bytes())?;
            file.write_all(bytes)?;
            fs::rename(&draft, self.folder.join(name))
        });
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written
    }

    fn make_room(&self, size: u64) -> io::Result<()> {
        // A poisoned lock still holds a number, and a wrong one is put right by the next look.
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        if room.is_none_or(|left| left < size) {
            *room = Some(self.tidy(size)?);
        }
        *room = room.map(|left| left.saturating_sub(size));
        Ok(())
    }

    /// Removes what was used longest ago until a tenth of the limit and `size` are free. What may be written until the next
    /// look: no more than that, for others write too.
    fn tidy(&self, size: u64) -> io::Result<u64> {
        fs::create_dir_all(&self.folder)?;
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // Another program may have removed it meanwhile.
            let Ok(metadata) = entry.metadata() else { continue };
            let used = metadata.modified()?;
            let is_draft = entry.path().extension().is_some_and(|extension| extension == DRAFT);
            if is_draft && used.elapsed().unwrap_or_default() > ABANDONED {
                let _ = fs::remove_file(entry.path());
            } else if metadata.is_file() {
                entries.push((used, metadata.len(), entry.path(), is_draft));
            }
        }
        entries.sort();
        let mut total: u64 = entries.iter().map(|(_, size, ..)| size).sum();
        let most = (self.limit - self.limit / 10).saturating_sub(size);
        for (_, size, path, _) in entries.iter().filter(|(.., is_draft)| !is_draft) {
            if total <= most {
                break;
            }
            let _ = fs::remove_file(path);
            total -= size;
        }
        Ok(self.limit.saturating_sub(total).min((self.limit / 10).max(size)))
    }
}
