//! The files of `--phones-ctm` and `--words-ctm`.

use super::aligning::{Timed, Utterance};
use crate::out_file::OutFile;
use anyhow::Result;
use stentor_evaluate::words::files::{CtmWord, Micros, write_ctm};

/// The only channel of an utterance.
const CHANNEL: &str = "1";

/// Times of phones and words, for files that are written at the end.
pub(super) struct Ctms {
    phones: Option<Ctm>,
    words: Option<Ctm>,
}

struct Ctm {
    file: OutFile,
    lines: Vec<CtmWord>,
}

impl Ctms {
    pub(super) fn new(phones: Option<OutFile>, words: Option<OutFile>) -> Self {
        let empty = |file| Ctm { file, lines: Vec::new() };
        Self { phones: phones.map(empty), words: words.map(empty) }
    }

    pub(super) fn add(&mut self, utterance: &Utterance) {
        let id = &utterance.row.utterance;
        if let Some(phones) = &mut self.phones {
            phones.lines.extend(utterance.phones.iter().map(|said| line(id, said)));
        }
        if let Some(words) = &mut self.words {
            words.lines.extend(utterance.words.iter().map(|said| line(id, said)));
        }
    }

    /// Writes the files, sorted by utterance and time.
    pub(super) fn write(self) -> Result<()> {
        for Ctm { file, lines } in self.phones.into_iter().chain(self.words) {
            let mut bytes = Vec::new();
            write_ctm(&mut bytes, &lines)?;
            file.write(&bytes)?;
        }
        Ok(())
    }
}

fn line(utterance: &str, said: &Timed) -> CtmWord {
    // Times in an utterance are not negative.
    let micros = |time: i64| Micros::try_from(time).unwrap_or_default();
    CtmWord {
        file: utterance.to_owned(),
        channel: CHANNEL.to_owned(),
        start: micros(said.start),
        duration: micros(said.end - said.start),
        word: said.text.clone(),
        confidence: None,
    }
}
