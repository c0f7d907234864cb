use anyhow::{Context, Result};
use std::path::Path;

/// Creates a folder with its parents.
///
/// # Errors
/// The system's, with the folder.
pub fn create_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))
}

/// Removes a folder with its content; a missing folder is not an error.
///
/// # Errors
/// The system's, with the folder.
pub fn remove_folder(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Moves a finished folder to its place, and replaces an older version.
///
/// # Errors
/// The system's, with the folders.
pub fn move_into_place(from: &Path, to: &Path) -> Result<()> {
    remove_folder(to)?;
    std::fs::rename(from, to).with_context(|| format!("cannot move {} to {}", from.display(), to.display()))
}
