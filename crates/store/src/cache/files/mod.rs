use blake3::Hash;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Suffix of an entry that is not completely written yet.
const DRAFT: &str = ".draft";
/// A draft older than this has been abandoned by its writer.
const ABANDONED: Duration = Duration::from_secs(3600);

/// The entries on disk, with a limit on their total size. Each is named by its digest; other files in the folder are
/// not touched.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    limit: u64,
    /// Bytes that may be written before the folder is scanned again. Other programs write there too, so only a scan
    /// shows the real size.
    room: Mutex<u64>,
}

impl Files {
    pub(super) fn new(folder: &Path, limit: u64) -> Self {
        Self { folder: folder.to_owned(), limit, room: Mutex::new(0) }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The bytes of an entry, if it exists and is whole.
    pub(super) fn read(&self, digest: Hash) -> Option<Vec<u8>> {
        let path = self.path(digest);
        let bytes = fs::read(&path).ok()?;
        if blake3::hash(&bytes) != digest {
            tracing::warn!(entry = %path.display(), "the cache entry is damaged and will be fetched again");
            let _ = fs::remove_file(&path);
            return None;
        }
        // Marks the entry as just used, so that others are removed first. If this fails, it may be removed early.
        let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(bytes)
    }

    /// Writes an entry atomically and makes room for it. An entry that would take most of the limit is not kept.
    pub(super) fn write(&self, digest: Hash, bytes: &[u8]) -> io::Result<()> {
        let size = bytes.len() as u64;
        if size > self.limit / 2 {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        self.make_room(size)?;
        let entry = self.path(digest);
        let draft = self.folder.join(format!("{digest}{DRAFT}"));
        let mut file = match File::create_new(&draft) {
            // Another program is writing the same entry.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            created => created?,
        };
        let written = file.write_all(bytes).and_then(|()| fs::rename(&draft, &entry));
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written
    }

    fn path(&self, digest: Hash) -> PathBuf {
        self.folder.join(digest.to_hex().as_str())
    }

    fn make_room(&self, size: u64) -> io::Result<()> {
        // The number is usable even if a thread panicked while holding the lock; the next scan corrects it.
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        if *room < size {
            *room = self.tidy(size)?;
        }
        *room = room.saturating_sub(size);
        Ok(())
    }

    /// Removes the least recently used entries until `size` and a tenth of the limit are free. Returns how many bytes
    /// may be written until the next scan: no more than that, because other programs write too.
    fn tidy(&self, size: u64) -> io::Result<u64> {
        let mut entries = self.entries()?;
        entries.sort_unstable();
        let mut total: u64 = entries.iter().map(|(_, size, _)| size).sum();
        let most = (self.limit - self.limit / 10).saturating_sub(size);
        for (_, size, path) in &entries {
            if total <= most {
                break;
            }
            let _ = fs::remove_file(path);
            total -= size;
        }
        Ok(self.limit.saturating_sub(total).min((self.limit / 10).max(size)))
    }

    /// Last use, size and path of each entry. Also removes abandoned drafts.
    fn entries(&self) -> io::Result<Vec<(SystemTime, u64, PathBuf)>> {
        let mut entries = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let file = file?;
            let name = file.file_name();
            let Some(name) = name.to_str() else { continue };
            let digest = name.strip_suffix(DRAFT);
            // Another program may have removed it meanwhile.
            let (Ok(_), Ok(metadata)) = (Hash::from_hex(digest.unwrap_or(name)), file.metadata()) else {
                continue;
            };
            let used = metadata.modified()?;
            if digest.is_none() {
                entries.push((used, metadata.len(), file.path()));
            } else if used.elapsed().unwrap_or_default() > ABANDONED {
                let _ = fs::remove_file(file.path());
            }
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests;
