//! Files that commands write at the end of their work.

use crate::exit::Meaning;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use stentor_runtime::{ExitStatus, FiguresFile};
use stentor_store::Fault;

/// A file whose place is tried before the work, and which is written whole or not at all.
#[derive(Debug)]
pub(crate) struct OutFile {
    path: PathBuf,
    file: FiguresFile,
    what: &'static str,
}

impl OutFile {
    /// `what`: the content and its option, for messages.
    ///
    /// # Errors
    /// Where the file could not be written at the end.
    pub(crate) fn at(path: &Path, what: &'static str) -> Result<Self> {
        match FiguresFile::at(path) {
            Ok(file) => Ok(Self { path: path.to_owned(), file, what }),
            Err(error) => {
                let status = ExitStatus::from(Fault::of_io("write", &error));
                Err(anyhow::Error::new(error).context(told(path, what))).meaning(status)
            }
        }
    }

    /// # Errors
    /// Where the file cannot be written after all.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        self.file.write(bytes).with_context(|| told(&self.path, self.what))
    }
}

fn told(path: &Path, what: &str) -> String {
    format!("{what} cannot be written to {}", path.display())
}
