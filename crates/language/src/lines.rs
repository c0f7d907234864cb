//! Lines of a file that nobody has checked yet.

use crate::Error;
use std::io::{BufRead, Read};

/// The longest line that is read, with its end.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// Reads lines one by one into the same memory.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    from: R,
    bytes: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { from, bytes: Vec::new(), number: 0 }
    }

    /// Number of the line that was read last, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next line without white space at its ends; none after the last one.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NotUtf8`], [`Error::LineTooLong`].
    pub(crate) fn next(&mut self) -> Result<Option<&str>, Error> {
        self.bytes.clear();
        let mut bounded = self.from.by_ref().take(MAX_LINE_BYTES as u64 + 1);
        if bounded.read_until(b'\n', &mut self.bytes)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.bytes.len() > MAX_LINE_BYTES {
            return Err(Error::LineTooLong { line: self.number });
        }
        match std::str::from_utf8(self.bytes.trim_ascii()) {
            Ok(line) => Ok(Some(line)),
            Err(_) => Err(Error::NotUtf8 { line: self.number }),
        }
    }
}
