//! Lines of text files as other tools write them: with or without a byte-order mark; the encoding is never guessed.

use crate::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The expected form of an identifier: a blank that is not ASCII looks like a separator, but does not separate.
pub(crate) const IDENTIFIER: &str =
    "an identifier without invisible characters (columns are separated by ASCII blanks or tabs)";

/// One line, without its line ending.
#[derive(Debug)]
pub(crate) struct RawLine<'a> {
    /// Line number, from 1.
    pub(crate) number: usize,
    /// Offset of its text in the file in bytes, after a byte-order mark.
    pub(crate) offset: u64,
    /// Length in bytes, line ending included.
    pub(crate) bytes: u64,
    pub(crate) text: &'a str,
}

/// The lines of a UTF-8 file, one at a time. A byte-order mark at the start is skipped.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    path: PathBuf,
    reader: BufReader<&'a File>,
    line: Vec<u8>,
    number: usize,
    offset: u64,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(path: &Path, file: &'a File) -> Self {
        let reader = BufReader::new(file);
        Self { path: path.to_owned(), reader, line: Vec::new(), number: 0, offset: 0 }
    }

    /// Returns the next line; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Encoding`].
    pub(crate) fn next_line(&mut self) -> Result<Option<RawLine<'_>>, Error> {
        self.line.clear();
        let read = self.reader.read_until(b'\n', &mut self.line);
        let read = read.map_err(|source| Error::Read { path: self.path.clone(), source })?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        let mut bytes = &self.line[..];
        let mut offset = self.offset;
        self.offset += read as u64;
        let refuse = |found| Error::Encoding { path: self.path.clone(), line: self.number, found };
        if self.number == 1 {
            if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
                return Err(refuse("UTF-16"));
            }
            if let Some(rest) = bytes.strip_prefix(BYTE_ORDER_MARK) {
                offset += BYTE_ORDER_MARK.len() as u64;
                bytes = rest;
            }
        }
        if bytes.contains(&0) {
            return Err(refuse("zero bytes: UTF-16 or a binary file"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| refuse("bytes that are not UTF-8"))?;
        Ok(Some(RawLine { number: self.number, offset, bytes: bytes.len() as u64, text }))
    }
}

/// Returns whether all characters of an identifier are visible.
pub(crate) fn is_visible(id: &str) -> bool {
    let invisible = |c: char| {
        c.is_control()
            || c.is_whitespace()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    !id.contains(invisible)
}

/// Shortens a text, so that a binary file given by mistake does not fill the terminal, and makes invisible characters
/// visible.
pub(crate) fn shorten(text: &str) -> String {
    let text = text.trim_end();
    let (text, more) = match text.char_indices().nth(80) {
        Some((cut, _)) => (&text[..cut], "…"),
        None => (text, ""),
    };
    let show = |c: char| {
        if is_visible(c.encode_utf8(&mut [0; 4])) || c == ' ' {
            c.to_string()
        } else {
            c.escape_unicode().to_string()
        }
    };
    text.chars().map(show).collect::<String>() + more
}
