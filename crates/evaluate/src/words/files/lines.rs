use crate::Error;
use std::io::{BufRead, Read};

/// Bytes of the longest line that is read, so that a file without lines does not fill the memory.
pub const MAX_LINE: usize = 1 << 20;

/// Characters of a line that an error shows.
const SHOWN: usize = 80;

/// Parses a file line by line, without comments, blank lines and a byte-order mark, and hands on what each line holds, with its number from 1.
/// `parse` says what was expected where a line is not right.
pub(super) fn read_lines<T>(
    mut reader: impl BufRead,
    parse: impl Fn(&str) -> Result<T, &'static str>,
    mut take: impl FnMut(usize, T) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let read = reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut bytes);
        if read.map_err(|error| Error::Read { line, kind: error.kind() })? == 0 {
            break;
        }
        if bytes.len() > MAX_LINE {
            let found = format!("more than {MAX_LINE} bytes without a line's end");
            return Err(Error::Line { line, expected: "lines of text", found });
        }
        let bytes = if line == 1 { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes) } else { &bytes };
        let refuse = |expected: &'static str, found: String| Error::Line { line, expected, found };
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(refuse(
                "text in UTF-8",
                String::from_utf8_lossy(bytes).escape_debug().take(SHOWN).collect(),
            ));
        };
        let text = text.trim_ascii();
        if text.is_empty() || text.starts_with(";;") {
            continue;
        }
        let found = || text.escape_debug().take(SHOWN).collect();
        take(line, parse(text).map_err(|expected| refuse(expected, found()))?)?;
    }
    Ok(())
}

/// An utterance's id that has been read before.
pub(super) fn repeated(line: usize, id: String) -> Error {
    Error::Line { line, expected: "each utterance once", found: id }
}

/// A word or a name that stands between blanks and means nothing else to the readers of NIST's files.
pub(super) fn is_plain(word: &str) -> bool {
    !word.is_empty()
        && !word.contains(|c: char| c.is_whitespace() || c.is_control() || "(){}\u{feff}".contains(c))
        && word != "@"
        && word != "/"
        && !word.starts_with(";;")
}

/// Words of a text to be written.
pub(super) fn plain_words(text: &str) -> Result<(), Error> {
    match text.split_whitespace().find(|word| !is_plain(word)) {
        Some(word) => Err(Error::Unwritable { what: "word", found: word.to_owned() }),
        None => Ok(()),
    }
}

/// A name to be written.
pub(super) fn plain_name(what: &'static str, name: &str) -> Result<(), Error> {
    match is_plain(name) {
        true => Ok(()),
        false => Err(Error::Unwritable { what, found: name.to_owned() }),
    }
}

/// What alternatives in a text look like.
pub(super) fn has_alternatives(text: &str) -> bool {
    let is_split = |word: &str| word.starts_with('{') && word.ends_with('}') && word.contains('/');
    text.split_whitespace().any(|word| matches!(word, "{" | "}") || is_split(word))
}

pub(super) const NO_ALTERNATIVES: &str =
    "a text without alternatives `{ … / … }`: resolve them before scoring";

/// A whole line to be written.
pub(super) fn write_line(
    writer: &mut impl std::io::Write,
    text: std::fmt::Arguments<'_>,
) -> Result<(), Error> {
    writeln!(writer, "{text}").map_err(|error| Error::Write { kind: error.kind() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        read_lines(
            bytes,
            |text| Ok(text.to_owned()),
            |_, text| {
                found.push(text);
                Ok(())
            },
        )?;
        Ok(found)
    }

    #[test]
    fn comments_blank_lines_and_marks_are_no_content() {
        assert_eq!(lines(b"\xef\xbb\xbfa b\r\n;; note\n\n  c\n").unwrap(), ["a b", "c"]);
        assert_eq!(lines(b"").unwrap(), [""; 0]);
    }

    #[test]
    fn alternatives_are_seen_with_and_without_blanks() {
        for text in ["a { b / c } d", "a {b/c} d", "{b/}"] {
            assert!(has_alternatives(text), "{text}");
        }
        for text in ["a b", "{breath}", "and/or", "{ 3"] {
            assert_eq!(has_alternatives(text), text == "{ 3", "{text}");
        }
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_line() {
        let found = lines(b"a\n\xff\xfea\n").unwrap_err().to_string();
        assert!(found.starts_with("line 2: expected text in UTF-8"), "{found}");
        let endless = vec![b'a'; MAX_LINE + 1];
        assert!(lines(&endless).unwrap_err().to_string().starts_with("line 1: expected lines of text"));
        assert_eq!(lines(&endless[1..]).unwrap().len(), 1);
    }
}
