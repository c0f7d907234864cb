use crate::Error;
use std::fs::{File, TryLockError};
use std::path::Path;

/// Name of the lock file in the output folder.
const LOCK: &str = ".prepare.lock";

/// Reserves a folder for one `prepare` at a time. The system releases the lock when the process ends for any reason.
#[derive(Debug)]
pub(crate) struct Lock(
    #[expect(dead_code, reason = "the lock lasts as long as the file is open")] Option<File>,
);

impl Lock {
    /// Locks a local folder, creating it if necessary. Object stores have no locks.
    ///
    /// # Errors
    /// If another process has the lock, or the folder cannot be written.
    pub(crate) fn take(folder: &Path) -> Result<Self, Error> {
        let shown = folder.display();
        if folder.to_str().is_some_and(|location| location.contains("://")) {
            return Ok(Self(None));
        }
        std::fs::create_dir_all(folder).map_err(Error::output(format!("create {shown}")))?;
        let path = folder.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(Error::output(format!("open {}", path.display())))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(Some(file))),
            Err(TryLockError::WouldBlock) => Err(Error::Locked { folder: shown.to_string() }),
            Err(TryLockError::Error(error)) => {
                tracing::warn!(%error, folder = %shown, "cannot lock the folder: make sure that no other process writes to it");
                Ok(Self(None))
            }
        }
    }
}
