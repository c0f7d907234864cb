//! Texts and models in files.

use crate::out_file::OutFile;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use stentor_language::{Error, Model, arpa};

/// Reads a file with one of the library's readers.
pub(super) fn read<T>(path: &Path, reader: impl FnOnce(BufReader<File>) -> Result<T, Error>) -> Result<T> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    reader(BufReader::new(file)).with_context(|| path.display().to_string())
}

pub(super) fn read_model(path: &Path) -> Result<Model> {
    read(path, arpa::read)
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
