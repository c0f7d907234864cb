//! A folder with a model and with files, and the command line.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "helpers of tests are tests, and each test uses a part of them"
)]

use crate::world::{bytes, contents, language, lexicon, settings};
use clap::Parser;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use stentor_transcribe::Error;
use stentor_transcribe::command::{Args, run};
use tempfile::TempDir;

#[derive(Debug, Parser)]
pub(crate) struct Program {
    #[command(flatten)]
    pub(crate) arguments: Args,
}

/// A model folder, and a folder for files.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        contents(&lexicon(), &language(), &settings()).write(&folder.path().join("model")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a WAV file of 16-bit samples.
    pub(crate) fn wav(&self, name: &str, samples: &[f32]) -> PathBuf {
        let data = bytes(samples);
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        for number in [16_000u32, 32_000] {
            file.extend(number.to_le_bytes());
        }
        file.extend(b"\x02\0\x10\0data");
        file.extend((data.len() as u32).to_le_bytes());
        file.extend(&data);
        let length = (file.len() - 8) as u32;
        file[4..8].copy_from_slice(&length.to_le_bytes());
        let path = self.path(name);
        std::fs::write(&path, file).unwrap();
        path
    }

    pub(crate) fn run(
        &self,
        options: &str,
        files: &[&Path],
        input: impl Read,
    ) -> (String, Result<(), Error>) {
        let mut output = Vec::new();
        let result = self.run_to(options, files, input, &mut output);
        (String::from_utf8(output).unwrap(), result)
    }

    pub(crate) fn run_to(
        &self,
        options: &str,
        files: &[&Path],
        input: impl Read,
        output: impl Write,
    ) -> Result<(), Error> {
        let model = self.path("model");
        let given = ["transcribe", "--model", model.to_str().unwrap()].into_iter();
        let files = files.iter().map(|file| file.to_str().unwrap());
        let arguments = given.chain(options.split_whitespace()).chain(files);
        run(&Program::try_parse_from(arguments).unwrap().arguments, input, output)
    }
}

/// For files alone.
pub(crate) const NO_INPUT: &[u8] = &[];
