//! `--json FILE` and similar results: files written at the end of commands that may run for hours.

use crate::exit::Meaning;
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};
use stentor_runtime::{ExitStatus, FiguresFile};
use stentor_store::Fault;

/// The destination of a result, if any; checked for writability before the work starts.
#[derive(Debug)]
pub(crate) struct ResultFile {
    /// What is written, for errors.
    what: &'static str,
    file: Option<(PathBuf, FiguresFile)>,
}

impl ResultFile {
    /// `what` is written, in the words of an error: `the figures of --json`.
    ///
    /// # Errors
    /// Where the file could not be written at the end.
    pub(crate) fn at(what: &'static str, path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self { what, file: None }) };
        let file = FiguresFile::at(path).map_err(|error| {
            let status = ExitStatus::from(Fault::of_io("write", &error));
            (status, anyhow::Error::new(error).context(told(what, path)))
        });
        match file {
            Ok(file) => Ok(Self { what, file: Some((path.to_owned(), file)) }),
            Err((status, error)) => Err(error).meaning(status),
        }
    }

    /// Makes the bytes, where they are wanted, and writes them.
    ///
    /// # Errors
    /// Where they cannot be made, or the file cannot be written after all.
    pub(crate) fn write(&self, bytes: impl FnOnce() -> Result<Vec<u8>>) -> Result<()> {
        let Some((path, file)) = &self.file else { return Ok(()) };
        file.write(&bytes()?).with_context(|| told(self.what, path))
    }
}

fn told(what: &str, path: &Path) -> String {
    format!("{what} cannot be written to {}", path.display())
}

/// The destination of the figures, if any; checked for writability before the work starts.
#[derive(Debug)]
pub(crate) struct JsonFile(ResultFile);

impl JsonFile {
    /// # Errors
    /// If the file will not be writable at the end.
    pub(crate) fn at(path: Option<&Path>) -> Result<Self> {
        ResultFile::at("the figures of --json", path).map(Self)
    }

    /// # Errors
    /// If the file cannot be written after all.
    pub(crate) fn write(&self, figures: &impl Serialize) -> Result<()> {
        self.0.write(|| {
            let mut json = serde_json::to_vec_pretty(figures)?;
            json.push(b'\n');
            Ok(json)
        })
    }
}
