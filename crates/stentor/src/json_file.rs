//! `--json FILE`: figures in machine-readable form, from commands that may run for hours.

use crate::exit::Meaning;
use anyhow::{Context, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};
use stentor_runtime::{ExitStatus, FiguresFile};
use stentor_store::Fault;

/// The destination of the figures, if any; checked for writability before the work starts.
#[derive(Debug)]
pub(crate) struct JsonFile {
    file: Option<(PathBuf, FiguresFile)>,
}

impl JsonFile {
    /// # Errors
    /// If the file will not be writable at the end.
    pub(crate) fn at(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self { file: None }) };
        let file = FiguresFile::at(path).map_err(|error| {
            let status = ExitStatus::from(Fault::of_io("write", &error));
            (status, anyhow::Error::new(error).context(told(path)))
        });
        match file {
            Ok(file) => Ok(Self { file: Some((path.to_owned(), file)) }),
            Err((status, error)) => Err(error).meaning(status),
        }
    }

    /// # Errors
    /// If the file cannot be written after all.
    pub(crate) fn write(&self, figures: &impl Serialize) -> Result<()> {
        let Some((path, file)) = &self.file else { return Ok(()) };
        let mut json = serde_json::to_vec_pretty(figures)?;
        json.push(b'\n');
        file.write(&json).with_context(|| told(path))
    }
}

fn told(path: &Path) -> String {
    format!("the figures of --json cannot be written to {}", path.display())
}
