//! The aligner's answers on disk: an interrupted run continues where it stopped, and memory contains only offsets.

use crate::Error;
use crate::answer::Answer;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Name of the file in the output folder. To repeat all alignments, delete it.
pub(crate) const MEMO: &str = "alignments.jsonl";

/// A line: the request (as a key over command, text and samples) and the answer.
#[derive(Serialize, Deserialize)]
struct Line {
    utterance: String,
    key: String,
    #[serde(flatten)]
    answer: Answer,
}

#[derive(Debug)]
struct Place {
    key: String,
    offset: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Book {
    file: File,
    end: u64,
    places: HashMap<String, Place>,
}

/// Answers by utterance, shared by threads.
#[derive(Debug)]
pub(crate) struct Memo {
    path: PathBuf,
    book: Mutex<Book>,
}

impl Memo {
    /// Opens or creates the file. An incomplete last line, left by an interruption, is dropped.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(MEMO);
        let context = || Error::output(format!("open {}", path.display()));
        std::fs::create_dir_all(folder).map_err(context())?;
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = options.map_err(context())?;
        let mut reader = BufReader::new(&file);
        let (mut end, mut places, mut text) = (0, HashMap::new(), Vec::new());
        loop {
            text.clear();
            let bytes = reader.read_until(b'\n', &mut text).map_err(context())?;
            let Ok(line) = serde_json::from_slice::<Line>(&text) else { break };
            if text.last() != Some(&b'\n') {
                break;
            }
            places.insert(line.utterance, Place { key: line.key, offset: end, bytes });
            end += bytes as u64;
        }
        drop(reader);
        file.set_len(end).map_err(context())?;
        Ok(Self { path, book: Mutex::new(Book { file, end, places }) })
    }

    /// Whether this request was answered before.
    pub(crate) fn knows(&self, utterance: &str, key: &str) -> bool {
        self.book().places.get(utterance).is_some_and(|place| place.key == key)
    }

    /// Stores an answer.
    ///
    /// # Errors
    /// If the file cannot be written, for instance because the disk is full.
    pub(crate) fn keep(&self, utterance: &str, key: &str, answer: Answer) -> Result<(), Error> {
        let line = Line { utterance: utterance.to_owned(), key: key.to_owned(), answer };
        let mut bytes = serde_json::to_vec(&line)?;
        bytes.push(b'\n');
        let mut book = self.book();
        let offset = book.end;
        let context = || Error::output(format!("write {}", self.path.display()));
        book.file.seek(SeekFrom::Start(offset)).map_err(context())?;
        book.file.write_all(&bytes).map_err(context())?;
        book.end += bytes.len() as u64;
        book.places.insert(line.utterance, Place { key: line.key, offset, bytes: bytes.len() });
        Ok(())
    }

    /// Returns the newest answer for an utterance.
    ///
    /// # Errors
    /// If the file was changed in the meantime.
    pub(crate) fn recall(&self, utterance: &str) -> Result<Option<Answer>, Error> {
        let context = || Error::io(format!("read {}", self.path.display()));
        let mut book = self.book();
        let Some(&Place { offset, bytes, .. }) = book.places.get(utterance) else { return Ok(None) };
        let mut text = vec![0; bytes];
        book.file.seek(SeekFrom::Start(offset)).map_err(context())?;
        book.file.read_exact(&mut text).map_err(context())?;
        drop(book);
        let line: Line = serde_json::from_slice(&text).map_err(std::io::Error::from).map_err(context())?;
        Ok(Some(line.answer))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
