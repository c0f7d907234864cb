use super::lines::{
    NO_ALTERNATIVES, has_alternatives, plain_name, plain_words, read_lines, repeated, write_line,
};
use crate::Error;
use crate::words::Transcripts;
use std::io::{BufRead, Write};

/// Reads a TRN file: on each line a text, which may be empty, and the utterance's id in parentheses.
///
/// # Errors
/// [`Error::Line`], also for an id that stands twice; [`Error::Read`].
pub fn read_trn(reader: impl BufRead) -> Result<Transcripts, Error> {
    let mut texts = Transcripts::new();
    read_lines(reader, parse, |line, (id, text)| match texts.insert(id.clone(), text) {
        None => Ok(()),
        Some(_) => Err(repeated(line, id)),
    })?;
    Ok(texts)
}

fn parse(line: &str) -> Result<(String, String), &'static str> {
    const EXPECTED: &str = "words and an id in parentheses, `hold the line (speaker-1)`";
    let (text, id) = line.strip_suffix(')').and_then(|line| line.rsplit_once('(')).ok_or(EXPECTED)?;
    if id.is_empty() || id.contains(|c: char| c.is_whitespace() || c == ')') {
        return Err(EXPECTED);
    }
    match has_alternatives(text) {
        true => Err(NO_ALTERNATIVES),
        false => Ok((id.to_owned(), text.trim_ascii().to_owned())),
    }
}

/// Writes texts as a TRN file. `sclite -i spu_id` takes what is before the first `-` or `_` of an id for the speaker.
///
/// # Errors
/// [`Error::Unwritable`] for a word or an id that would be read as something else, [`Error::Write`].
pub fn write_trn<'a>(
    mut writer: impl Write,
    texts: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), Error> {
    for (id, text) in texts {
        plain_name("id", id)?;
        plain_words(text)?;
        match text.is_empty() {
            true => write_line(&mut writer, format_args!("({id})"))?,
            false => write_line(&mut writer, format_args!("{text} ({id})"))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(texts: &Transcripts) -> Result<String, Error> {
        let mut bytes = Vec::new();
        write_trn(&mut bytes, texts.iter().map(|(id, text)| (id.as_str(), text.as_str())))?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_text_may_be_empty_and_hold_notes_in_parentheses() {
        let found =
            read_trn(";; test set\nhold the line (a-1)\n(a-2)\n (laughs) no (b-1)\n".as_bytes()).unwrap();
        let found: Vec<(&str, &str)> = found.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
        assert_eq!(found, [("a-1", "hold the line"), ("a-2", ""), ("b-1", "(laughs) no")]);
    }

    #[test]
    fn lines_without_an_id_and_ids_of_two_lines_are_refused() {
        let refused = |text: &str| read_trn(text.as_bytes()).unwrap_err().to_string();
        let found = refused("a (s-1)\nhold the line\n");
        assert_eq!(
            found,
            "line 2: expected words and an id in parentheses, `hold the line (speaker-1)`, found `hold the line`"
        );
        assert!(refused("a ()\n").starts_with("line 1") && refused("a (s 1)\n").starts_with("line 1"));
        assert!(refused("{ a / b } (s-1)\n").contains("alternatives"));
        assert_eq!(refused("a (s-1)\nb (s-1)\n"), "line 2: expected each utterance once, found `s-1`");
    }

    #[test]
    fn what_would_be_read_as_something_else_is_not_written() {
        for text in ["an (aside)", "@", ";; a", "{ a / b }"] {
            let found = written(&Transcripts::from([("s-1".into(), text.into())]));
            assert!(matches!(found, Err(Error::Unwritable { what: "word", .. })), "{text}");
        }
        let found = written(&Transcripts::from([("s 1".into(), String::new())]));
        assert_eq!(found, Err(Error::Unwritable { what: "id", found: "s 1".into() }));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            texts in prop::collection::btree_map("[a-z]{1,3}[-_][0-9é]{1,3}", "([a-zé']{1,5}( [a-z]{1,5}){0,4})?", 0..9)
        ) {
            prop_assert_eq!(read_trn(written(&texts).unwrap().as_bytes()).unwrap(), texts);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read_trn(&bytes[..]);
        }
    }
}
