//! `--json FILE`: figures for programs, from commands that may work for hours.

use crate::out_file::OutFile;
use anyhow::Result;
use serde::Serialize;
use std::path::Path;

/// Where figures go, if anywhere; tried before the work.
#[derive(Debug)]
pub(crate) struct JsonFile {
    file: Option<OutFile>,
}

impl JsonFile {
    /// # Errors
    /// Where the file could not be written at the end.
    pub(crate) fn at(path: Option<&Path>) -> Result<Self> {
        let file = path.map(|path| OutFile::at(path, "the figures of --json")).transpose()?;
        Ok(Self { file })
    }

    /// # Errors
    /// Where the file cannot be written after all.
    pub(crate) fn write(&self, figures: &impl Serialize) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut json = serde_json::to_vec_pretty(figures)?;
        json.push(b'\n');
        file.write(&json)
    }
}
