//! Texts and models in files.

use crate::in_file;
use crate::out_file::OutFile;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use stentor_language::{Error, Model, arpa};

/// Reads a file with one of the library's readers. `what`: what it is to contain, for messages.
pub(super) fn read<T>(
    path: &Path,
    what: &str,
    reader: impl FnOnce(BufReader<File>) -> Result<T, Error>,
) -> Result<T> {
    reader(BufReader::new(in_file::open(path, what)?)).with_context(|| path.display().to_string())
}

pub(super) fn read_model(path: &Path) -> Result<Model> {
    read(path, "a language model as an ARPA file", arpa::read)
}

/// The place of a new model.
pub(super) fn model_file(path: &Path) -> Result<OutFile> {
    OutFile::at(path, "the model of --out")
}

pub(super) fn write_model(model: &Model, file: &OutFile) -> Result<()> {
    let mut bytes = Vec::new();
    arpa::write(model, &mut bytes)?;
    file.write(&bytes)
}
