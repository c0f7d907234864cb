use super::lines::{plain_name, read_lines, write_line};
use super::time::{Micros, Seconds, micros};
use crate::Error;
use std::io::{BufRead, Write};

/// A recognised word and when it was said.
#[derive(Debug, Clone, PartialEq)]
pub struct CtmWord {
    /// The recording, or the utterance.
    pub file: String,
    /// The channel: `A`, `1`.
    pub channel: String,
    /// From the start of the file.
    pub start: Micros,
    /// How long it takes.
    pub duration: Micros,
    /// The word.
    pub word: String,
    /// How sure the recogniser is, 0 to 1.
    pub confidence: Option<f32>,
}

/// Reads a CTM file: `file channel start duration word [confidence]`, times in seconds, in any order.
///
/// # Errors
/// [`Error::Line`], [`Error::Read`].
pub fn read_ctm(reader: impl BufRead) -> Result<Vec<CtmWord>, Error> {
    let mut words = Vec::new();
    read_lines(reader, parse, |_, word| {
        words.push(word);
        Ok(())
    })?;
    Ok(words)
}

fn parse(line: &str) -> Result<CtmWord, &'static str> {
    let mut fields = line.split_ascii_whitespace();
    let mut next = || fields.next().ok_or("`file channel start duration word [confidence]`");
    let (file, channel, start, duration, word) = (next()?, next()?, next()?, next()?, next()?);
    if word.starts_with("<ALT") {
        return Err("words without alternatives `<ALT>`: resolve them before scoring");
    }
    let confidence = match fields.next() {
        Some(text) => {
            let value = text.parse().ok().filter(|value| (0.0..=1.0).contains(value));
            Some(value.ok_or("a confidence from 0 to 1")?)
        }
        None => None,
    };
    if fields.next().is_some() {
        return Err("six columns at most");
    }
    Ok(CtmWord {
        file: file.to_owned(),
        channel: channel.to_owned(),
        start: micros(start).ok_or("a start in seconds")?,
        duration: micros(duration).ok_or("a duration in seconds")?,
        word: word.to_owned(),
        confidence,
    })
}

/// Writes words as a CTM file, sorted by file, channel and start as `sclite` expects them.
///
/// # Errors
/// [`Error::Unwritable`] for a word or a name that would be read as something else, [`Error::Write`].
pub fn write_ctm(mut writer: impl Write, words: &[CtmWord]) -> Result<(), Error> {
    let mut sorted: Vec<&CtmWord> = words.iter().collect();
    sorted.sort_by(|a, b| (&a.file, &a.channel, a.start).cmp(&(&b.file, &b.channel, b.start)));
    for CtmWord { file, channel, start, duration, word, confidence } in sorted {
        plain_name("file", file)?;
        plain_name("channel", channel)?;
        plain_name("word", word)?;
        let (start, duration) = (Seconds(*start), Seconds(*duration));
        match confidence {
            Some(sure) => {
                write_line(&mut writer, format_args!("{file} {channel} {start} {duration} {word} {sure}"))?
            }
            None => write_line(&mut writer, format_args!("{file} {channel} {start} {duration} {word}"))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(words: &[CtmWord]) -> String {
        let mut bytes = Vec::new();
        write_ctm(&mut bytes, words).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn columns_are_read_and_written_in_the_order_of_time() {
        let text = ";; system 1\ng B 0.5 0.25 line\nf A 1.20 0.301 the 0.5\nf A 0.10 0.2 hold 1\n";
        let found = read_ctm(text.as_bytes()).unwrap();
        assert_eq!(found[1].confidence, Some(0.5));
        assert_eq!(written(&found), "f A 0.10 0.20 hold 1\nf A 1.20 0.301 the 0.5\ng B 0.50 0.25 line\n");
    }

    #[test]
    fn a_line_that_is_not_right_is_refused_with_its_number() {
        for (line, expected) in [
            ("f A 0.1 0.2", "expected `file channel start duration word [confidence]`, found `f A 0.1 0.2`"),
            ("f A x 0.2 w", "expected a start in seconds"),
            ("f A 0.1 -1 w", "expected a duration in seconds"),
            ("f A 0.1 1 w 1.5", "expected a confidence from 0 to 1"),
            ("f A 0.1 1 w 1 lex", "expected six columns at most"),
            ("f A * * <ALT_BEGIN>", "without alternatives"),
        ] {
            let found = read_ctm(format!("f A 0 1 w\n{line}\n").as_bytes()).unwrap_err().to_string();
            assert!(found.starts_with("line 2: ") && found.contains(expected), "{found}");
        }
    }

    fn a_word() -> impl Strategy<Value = CtmWord> {
        let confidence = prop::option::of((0..=100u8).prop_map(|percent| f32::from(percent) / 100.0));
        let times = (0..10_000_000_000u64, 0..10_000_000u64);
        ("[a-z]{1,3}", "[AB]", times, "[a-zé']{1,6}", confidence).prop_map(
            |(file, channel, (start, duration), word, confidence)| CtmWord {
                file,
                channel,
                start,
                duration,
                word,
                confidence,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(mut words in prop::collection::vec(a_word(), 0..9)) {
            words.sort_by(|a, b| (&a.file, &a.channel, a.start).cmp(&(&b.file, &b.channel, b.start)));
            prop_assert_eq!(read_ctm(written(&words).as_bytes()).unwrap(), words);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read_ctm(&bytes[..]);
        }
    }
}
