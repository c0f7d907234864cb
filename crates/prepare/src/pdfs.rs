//! Alignments that are pdf numbers of another program.

use crate::answer::{Alignment, Pdfs};
use crate::decide::pdfs::{Malformed, PdfSpans, PdfTable};
use crate::{Error, PdfNumbers};
use std::io::Read;
use std::path::{Path, PathBuf};
use stentor_audio::{Ctm, CtmKind, DataDirectory, IntegerArk, Micros, Unmatched, Utterance, open_regular};

/// Largest table that is read: 65,536 lines are less than 4 MB.
const MOST_BYTES: u64 = 16 << 20;

/// A file of pdf numbers, and what they mean.
#[derive(Debug)]
pub(crate) struct PdfAlignments {
    pub(crate) table: PdfTable,
    numbers: Numbers,
    path: PathBuf,
    table_path: PathBuf,
}

#[derive(Debug)]
enum Numbers {
    Ark { ark: IntegerArk, frame: Micros },
    Ctm(Ctm),
}

impl PdfAlignments {
    /// # Errors
    /// [`Error::PdfTable`]; [`Error::Audio`] for a malformed file of numbers; [`Error::Io`].
    pub(crate) fn open(numbers: &PdfNumbers, table: &Path) -> Result<Self, Error> {
        let table_path = table.to_owned();
        let table = read_table(table)?;
        let (path, numbers) = match numbers {
            PdfNumbers::Ark(path, frame_ms) => {
                let frame = Micros::from(*frame_ms) * 1_000;
                (path, Numbers::Ark { ark: IntegerArk::open(path)?, frame })
            }
            PdfNumbers::Ctm(path) => (path, Numbers::Ctm(Ctm::open(path, CtmKind::Pdfs)?)),
        };
        Ok(Self { table, numbers, path: path.clone(), table_path })
    }

    /// The alignment of an utterance; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::UnknownPdf`]; [`Error::Audio`] if the file cannot be read.
    pub(crate) fn find(
        &self,
        utterance: &Utterance,
        data: &DataDirectory,
    ) -> Result<Option<Alignment>, Error> {
        let unknown = |(pdf, time): (u32, Micros)| Error::UnknownPdf {
            path: self.path.display().to_string(),
            utterance: utterance.id.clone(),
            ms: time / 1_000,
            pdf,
            last: self.table.len() - 1,
            table: self.table_path.display().to_string(),
        };
        let (PdfSpans { states, pdfs: ids }, frames) = match &self.numbers {
            Numbers::Ark { ark, frame } => {
                let Some(numbers) = ark.read(&utterance.id)? else { return Ok(None) };
                let found = self.table.of_frames(&numbers, *frame);
                (found.map_err(|(pdf, at)| unknown((pdf, at as Micros * frame)))?, Some(numbers.len()))
            }
            Numbers::Ctm(ctm) => {
                let Some(spans) = ctm.spans(utterance, data)? else { return Ok(None) };
                (self.table.of_ctm(&spans).map_err(unknown)?, None)
            }
        };
        Ok(Some(Alignment { states, words: None, pdfs: Some(Pdfs { ids, frames }) }))
    }

    /// Identifiers that belong to no utterance.
    pub(crate) fn unmatched(&self, data: &DataDirectory) -> Unmatched {
        match &self.numbers {
            Numbers::Ark { ark, .. } => ark.unmatched(data),
            Numbers::Ctm(ctm) => ctm.unmatched(data),
        }
    }

    /// Lines of a CTM file without duration.
    pub(crate) fn empty_spans(&self) -> u64 {
        match &self.numbers {
            Numbers::Ark { .. } => 0,
            Numbers::Ctm(ctm) => ctm.empty_spans as u64,
        }
    }

    /// Milliseconds of a frame of the archive; `None` for a CTM file.
    pub(crate) fn frame_ms(&self) -> Option<u32> {
        match &self.numbers {
            // It was given in milliseconds, with 32 bits.
            Numbers::Ark { frame, .. } => u32::try_from(frame / 1_000).ok(),
            Numbers::Ctm(_) => None,
        }
    }
}

fn read_table(path: &Path) -> Result<PdfTable, Error> {
    let shown = path.display().to_string();
    let wrong = |expected: &str, found: String| Error::PdfTable {
        path: shown.clone(),
        line: None,
        expected: expected.to_owned(),
        found,
    };
    let mut bytes = Vec::new();
    let read = open_regular(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(Error::io(format!("read {shown}")))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(wrong("a table of pdfs and phones", format!("more than {MOST_BYTES} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong("UTF-8 text", "other bytes".to_owned()))?;
    PdfTable::parse(&text).map_err(|Malformed { line, expected, found }| Error::PdfTable {
        path: shown,
        line,
        expected,
        found,
    })
}
