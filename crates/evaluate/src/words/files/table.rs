//! Kaldi's tables: `text`, `utt2spk` and others like them.

use super::lines::{read_lines, repeated};
use crate::Error;
use crate::words::{Names, Transcripts};
use std::io::BufRead;

/// Reads a Kaldi `text`: on each line an utterance's id and its text, which may be empty.
///
/// # Errors
/// [`Error::Line`], also for an id that stands twice; [`Error::Read`].
pub fn read_text(reader: impl BufRead) -> Result<Transcripts, Error> {
    read(reader, |id, text| Ok((id.to_owned(), text.to_owned())))
}

/// Reads `utt2spk` or another table of names: on each line an utterance's id and one name.
///
/// # Errors
/// [`Error::Line`], also for an id that stands twice; [`Error::Read`].
pub fn read_names(reader: impl BufRead) -> Result<Names, Error> {
    read(reader, |id, name| match name.is_empty() || name.contains(|c: char| c.is_ascii_whitespace()) {
        true => Err("an utterance's id and one name"),
        false => Ok((id.to_owned(), name.to_owned())),
    })
}

fn read(
    reader: impl BufRead,
    parse: impl Fn(&str, &str) -> Result<(String, String), &'static str>,
) -> Result<Transcripts, Error> {
    let mut found = Transcripts::new();
    let parse = |line: &str| {
        let (id, rest) = line.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((line, ""));
        parse(id, rest.trim_ascii())
    };
    read_lines(reader, parse, |line, (id, value)| match found.insert(id.clone(), value) {
        None => Ok(()),
        Some(_) => Err(repeated(line, id)),
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_may_be_empty_and_a_name_may_not() {
        let found = read_text("a hold  the line\nb\n".as_bytes()).unwrap();
        assert_eq!((found["a"].as_str(), found["b"].as_str()), ("hold  the line", ""));
        assert_eq!(read_names("a ann\nb\tbob\n".as_bytes()).unwrap()["b"], "bob");
        for text in ["a ann\nb\n", "a ann\nb bob carol\n"] {
            let found = read_names(text.as_bytes()).unwrap_err().to_string();
            assert!(found.starts_with("line 2: expected an utterance's id and one name"), "{found}");
        }
        let found = read_text("a x\na y\n".as_bytes()).unwrap_err().to_string();
        assert_eq!(found, "line 2: expected each utterance once, found `a`");
    }
}
