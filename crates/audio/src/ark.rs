//! Kaldi's archives of integer vectors, such as `ali-to-pdf` writes them: a number for each frame of an utterance.

use crate::kaldi::Unmatched;
use crate::lines::{IDENTIFIER, Lines, is_visible, shorten};
use crate::source::open_regular;
use crate::{DataDirectory, Error};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Longest identifier of an utterance in a binary archive. Where there is none, a whole file must not be taken for one.
const MOST_IDENTIFIER: u64 = 4_096;

/// What follows the identifier in a binary archive: Kaldi's mark of binary data, and the number of bytes of an integer.
const BINARY: &[u8] = b"\0B\x04";

/// An archive of integer vectors, as text (`UTTERANCE 4 4 4 17 17 …`, a line for each utterance) or binary. Only positions in the
/// file are kept in memory; vectors are read on request.
#[derive(Debug)]
pub struct IntegerArk {
    path: PathBuf,
    file: Mutex<File>,
    is_binary: bool,
    places: HashMap<String, Place>,
}

/// Where the numbers of an utterance are: its line, or the integers themselves.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    bytes: u64,
    /// From 1.
    line: usize,
}

impl IntegerArk {
    /// Reads the file once, checks all of it, and records where each utterance is.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NotAFile`]; [`Error::Encoding`], [`Error::Line`] and [`Error::Duplicate`] for text; [`Error::Ark`]
    /// for binary archives, and for compressed ones.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = open_regular(path)?;
        let is_binary = is_binary(path, &file)?;
        let mut ark =
            Self { path: path.to_owned(), file: Mutex::new(file), is_binary, places: HashMap::new() };
        let file = ark.file.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        ark.places = if is_binary { index_binary(path, file)? } else { index_text(path, file)? };
        Ok(ark)
    }

    /// Returns the number of utterances.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns whether there is no utterance.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Returns the identifiers that no utterance of the corpus has.
    #[must_use]
    pub fn unmatched(&self, data: &DataDirectory) -> Unmatched {
        let known: HashSet<&str> = data.utterances.iter().map(|utterance| utterance.id.as_str()).collect();
        Unmatched::among(self.places.keys().map(String::as_str), &known)
    }

    /// Returns the numbers of an utterance, one for each frame; `None` if the archive does not have it.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Line`] if the file has changed since it was opened.
    pub fn read(&self, utterance: &str) -> Result<Option<Vec<u32>>, Error> {
        let Some(place) = self.places.get(utterance) else { return Ok(None) };
        let bytes = self.bytes(*place).map_err(|source| Error::Read { path: self.path.clone(), source })?;
        if self.is_binary {
            let numbers = bytes.as_chunks::<4>().0.iter().map(|number| u32::from_le_bytes(*number));
            return Ok(Some(numbers.collect()));
        }
        let line = String::from_utf8_lossy(&bytes);
        let mut numbers = Vec::new();
        parse_line(&line, |number| numbers.push(number))
            .map_err(|expected| line_error(&self.path, place.line, expected, &line))?;
        Ok(Some(numbers))
    }

    fn bytes(&self, place: Place) -> std::io::Result<Vec<u8>> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(place.offset))?;
        let mut bytes = Vec::new();
        (&mut *file).take(place.bytes).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Whether the first identifier is followed by Kaldi's mark of binary data.
fn is_binary(path: &Path, file: &File) -> Result<bool, Error> {
    let mut start = Vec::new();
    let mut reader = BufReader::new(file);
    let read = (&mut reader).take(MOST_IDENTIFIER + 3).read_to_end(&mut start);
    read.and_then(|_| reader.rewind()).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    if start.starts_with(b"\x1f\x8b") {
        let (expected, found) = ("an archive", "gzip data: unpack it first (`gunzip -c ali.gz`)".to_owned());
        return Err(Error::Ark { path: path.to_owned(), at: 0, expected, found });
    }
    let blank = start.iter().position(|byte| *byte == b' ');
    Ok(blank.is_some_and(|blank| start[blank + 1..].starts_with(&BINARY[..2])))
}

fn index_text(path: &Path, file: &File) -> Result<HashMap<String, Place>, Error> {
    let mut lines = Lines::new(path, file);
    let mut places = HashMap::new();
    while let Some(raw) = lines.next_line()? {
        let parsed = parse_line(raw.text, |_| ());
        let id = parsed.map_err(|expected| line_error(path, raw.number, expected, raw.text))?;
        let Some(id) = id else { continue };
        let place = Place { offset: raw.offset, bytes: raw.bytes, line: raw.number };
        if places.insert(id.to_owned(), place).is_some() {
            return Err(Error::Duplicate { path: path.to_owned(), line: raw.number, id: id.to_owned() });
        }
    }
    Ok(places)
}

/// Calls `number` with each number of a line, and returns its identifier; `None` for a blank line. The error says what was expected.
fn parse_line(text: &str, mut number: impl FnMut(u32)) -> Result<Option<&str>, &'static str> {
    let mut fields = text.split_ascii_whitespace();
    let Some(id) = fields.next() else { return Ok(None) };
    if !is_visible(id) {
        return Err(IDENTIFIER);
    }
    for field in fields {
        number(field.parse().map_err(|_| "`UTTERANCE NUMBER NUMBER …`, numbers of at least 0")?);
    }
    Ok(Some(id))
}

fn line_error(path: &Path, line: usize, expected: &'static str, found: &str) -> Error {
    Error::Line { path: path.to_owned(), line, expected, found: shorten(found) }
}

fn index_binary(path: &Path, file: &mut File) -> Result<HashMap<String, Place>, Error> {
    let unreadable = |source| Error::Read { path: path.to_owned(), source };
    let size = file.metadata().map_err(unreadable)?.len();
    let mut reader = BufReader::new(file);
    let (mut at, mut places) = (0, HashMap::new());
    let wrong = |at, expected, found| Error::Ark { path: path.to_owned(), at, expected, found };
    loop {
        let mut id = Vec::new();
        let read = (&mut reader).take(MOST_IDENTIFIER).read_until(b' ', &mut id).map_err(unreadable)? as u64;
        if read == 0 {
            return Ok(places);
        }
        let name = id.strip_suffix(b" ").and_then(|id| std::str::from_utf8(id).ok());
        let Some(name) = name.filter(|name| !name.is_empty() && is_visible(name)) else {
            let found = shorten(&String::from_utf8_lossy(&id));
            return Err(wrong(at, "the identifier of an utterance and a blank", format!("`{found}`")));
        };
        at += read;
        let mut header = [0; 7];
        let read = read_up_to(&mut reader, &mut header).map_err(unreadable)?;
        let Some(count) = header[..read].strip_prefix(BINARY).and_then(|count| count.try_into().ok()) else {
            let found = format!("the bytes {:02x?} of `{name}`", &header[..read]);
            return Err(wrong(at, "a binary vector of 32-bit integers", found));
        };
        at += header.len() as u64;
        let count = i32::from_le_bytes(count);
        let bytes = u64::try_from(count)
            .ok()
            .map(|count| 4 * count)
            .filter(|bytes| *bytes <= size.saturating_sub(at));
        let Some(bytes) = bytes else {
            let left = size.saturating_sub(at);
            return Err(wrong(
                at,
                "as many integers as the vector says",
                format!("{count} of `{name}`, and {left} bytes"),
            ));
        };
        let mut numbers = vec![0; bytes as usize];
        reader.read_exact(&mut numbers).map_err(unreadable)?;
        if let Some(place) = numbers.as_chunks::<4>().0.iter().position(|number| number[3] >= 0x80) {
            let negative = i32::from_le_bytes(numbers.as_chunks::<4>().0[place]);
            return Err(wrong(
                at + 4 * place as u64,
                "a number of at least 0",
                format!("{negative} of `{name}`"),
            ));
        }
        if places.insert(name.to_owned(), Place { offset: at, bytes, line: 0 }).is_some() {
            return Err(wrong(at, "each utterance once", format!("`{name}` twice")));
        }
        at += bytes;
    }
}

/// Reads until `buffer` is full or the file ends, and returns how much was read.
fn read_up_to(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
