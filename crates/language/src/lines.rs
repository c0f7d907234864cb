//! Lines of a file that nobody has checked yet.

use crate::Error;
use std::io::{BufRead, Read};

/// What some editors write before the first line of a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

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

    /// The next line without white space at its ends, and without a byte-order mark before the first; none after the last one.
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
        let line = match self.bytes.strip_prefix(BYTE_ORDER_MARK) {
            Some(line) if self.number == 1 => line,
            _ => &self.bytes,
        };
        match std::str::from_utf8(line.trim_ascii()) {
            Ok(line) => Ok(Some(line)),
            Err(_) => Err(Error::NotUtf8 { line: self.number }),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Counts, Model, Vocabulary, arpa, estimate, perplexity};

    fn model(text: &str, words: &str) -> Model {
        let vocabulary = Vocabulary::read(words.as_bytes()).unwrap();
        let mut counts = Counts::closed(vocabulary, 2).unwrap();
        counts.add_text(text.as_bytes()).unwrap();
        estimate(&counts).unwrap().model
    }

    #[test]
    fn a_byte_order_mark_at_the_beginning_is_part_of_no_word() {
        let (text, words) = ("the cat\nthe dog\n", "the\ncat\ndog\n");
        let marked = |text: &str| format!("\u{feff}{text}");
        let plain = model(text, words);
        assert_eq!(model(&marked(text), &marked(words)), plain);
        let mut file = Vec::new();
        arpa::write(&plain, &mut file).unwrap();
        let file = String::from_utf8(file).unwrap();
        assert_eq!(arpa::read(marked(&file).as_bytes()).unwrap(), plain);
        assert_eq!(perplexity(&plain, marked(text).as_bytes()).unwrap().unknown, 0);
        let later = perplexity(&plain, format!("the cat\n{}", marked(text)).as_bytes()).unwrap();
        assert_eq!(later.unknown, 1, "elsewhere it is a letter as any other");
    }
}
