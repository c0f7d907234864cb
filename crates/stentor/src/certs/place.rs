use anyhow::{Context, Result};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes a file that only its owner can read.
pub(super) fn secret(path: &Path, text: &str) -> Result<()> {
    write(path, text, 0o600)
}

/// Writes a file that everybody can read.
pub(super) fn public(path: &Path, text: &str) -> Result<()> {
    write(path, text, 0o644)
}

/// Writes the file atomically, and never with more permissions than `mode`, because a program may read it at any time.
fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let shown = || path.display().to_string();
    let folder = path.parent().with_context(shown)?;
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let draft = path.with_extension("draft");
    // A file left by a killed run may have a different mode.
    let _ = std::fs::remove_file(&draft);
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft);
    let mut file = file.with_context(|| draft.display().to_string())?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(shown)?;
    std::fs::rename(&draft, path).with_context(shown)
}
