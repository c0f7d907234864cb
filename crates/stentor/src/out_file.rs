//! Files that commands write at the end of their work.

use crate::exit::Meaning;
use anyhow::Result;
use std::io;
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
        let file = answered(FiguresFile::at(path), path, what)?;
        Ok(Self { path: path.to_owned(), file, what })
    }

    /// # Errors
    /// Where the file cannot be written after all.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        answered(self.file.write(bytes), &self.path, self.what)
    }
}

/// The system's answer. The exit code of a refusal says whether starting again may help: with a full disk it may.
fn answered<T>(answer: io::Result<T>, path: &Path, what: &str) -> Result<T> {
    answer.or_else(|error| {
        let status = ExitStatus::from(Fault::of_io("write", &error));
        let told = format!("{what} cannot be written to {}", path.display());
        Err(anyhow::Error::new(error).context(told)).meaning(status)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit;

    #[test]
    fn a_place_that_cannot_hold_the_file_is_refused_before_the_work() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "no folder").unwrap();
        let error = OutFile::at(&folder.path().join("file/figures.json"), "the figures").unwrap_err();
        assert_eq!(exit::of(&error), ExitStatus::Config);
        assert!(format!("{error:#}").contains("the figures cannot be written to"), "{error:#}");
    }

    #[test]
    fn what_happens_to_the_place_during_the_work_decides_whether_to_start_again() {
        let full = OutFile::at(Path::new("/dev/full"), "the figures").unwrap();
        let error = full.write(b"{}").unwrap_err();
        assert_eq!(exit::of(&error), ExitStatus::Retryable, "{error:#}");
        assert!(format!("{error:#}").contains("/dev/full: No space left"), "{error:#}");

        let folder = tempfile::tempdir().unwrap();
        let gone = OutFile::at(&folder.path().join("figures.json"), "the figures").unwrap();
        folder.close().unwrap();
        let error = gone.write(b"{}").unwrap_err();
        assert_eq!(exit::of(&error), ExitStatus::Config, "{error:#}");
    }
}
