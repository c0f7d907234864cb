use super::lines::{NO_ALTERNATIVES, has_alternatives, plain_name, plain_words, read_lines, write_line};
use super::time::{Micros, Seconds, micros};
use crate::Error;
use std::io::{BufRead, Write};

/// The text of a segment that is not scored.
const IGNORED: &str = "ignore_time_segment_in_scoring";

/// What one speaker said in one piece of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StmSegment {
    /// The recording.
    pub file: String,
    /// The channel: `A`, `1`.
    pub channel: String,
    /// Who speaks.
    pub speaker: String,
    /// From the start of the file.
    pub begin: Micros,
    /// From the start of the file; after `begin`.
    pub end: Micros,
    /// NIST's labels of conditions, `<O,F0,M>`, if there.
    pub labels: Option<String>,
    /// The text, which may be empty.
    pub text: String,
}

impl StmSegment {
    /// Whether the segment is marked as one that is not scored.
    #[must_use]
    pub fn is_ignored(&self) -> bool {
        self.text.eq_ignore_ascii_case(IGNORED)
    }
}

/// Reads an STM file: `file channel speaker begin end [<labels>] text`, times in seconds, in any order.
///
/// # Errors
/// [`Error::Line`], [`Error::Read`].
pub fn read_stm(reader: impl BufRead) -> Result<Vec<StmSegment>, Error> {
    let mut segments = Vec::new();
    read_lines(reader, parse, |_, segment| {
        segments.push(segment);
        Ok(())
    })?;
    Ok(segments)
}

fn parse(line: &str) -> Result<StmSegment, &'static str> {
    let mut rest = line;
    let mut next = || {
        let (field, after) = rest.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((rest, ""));
        rest = after.trim_ascii_start();
        (!field.is_empty()).then_some(field).ok_or("`file channel speaker begin end [<labels>] text`")
    };
    let (file, channel, speaker, begin, end) = (next()?, next()?, next()?, next()?, next()?);
    let begin = micros(begin).ok_or("a begin in seconds")?;
    let end = micros(end).filter(|end| *end > begin).ok_or("an end in seconds after the begin")?;
    // Only in the first place: later `<…>` are words of the text.
    let labels = match rest.split_once('>') {
        Some((labels, after)) if labels.starts_with('<') && !labels.contains(' ') => {
            let labels = format!("{labels}>");
            rest = after;
            // As written before a text that begins with `<`.
            (labels != "<>").then_some(labels)
        }
        _ => None,
    };
    if has_alternatives(rest) {
        return Err(NO_ALTERNATIVES);
    }
    Ok(StmSegment {
        file: file.to_owned(),
        channel: channel.to_owned(),
        speaker: speaker.to_owned(),
        begin,
        end,
        labels,
        text: rest.trim_ascii().to_owned(),
    })
}

/// Writes segments as an STM file, sorted by file, channel and begin as `sclite` expects them.
///
/// # Errors
/// [`Error::Unwritable`] for a word or a name that would be read as something else, [`Error::Write`].
pub fn write_stm(mut writer: impl Write, segments: &[StmSegment]) -> Result<(), Error> {
    let mut sorted: Vec<&StmSegment> = segments.iter().collect();
    sorted.sort_by(|a, b| (&a.file, &a.channel, a.begin).cmp(&(&b.file, &b.channel, b.begin)));
    for StmSegment { file, channel, speaker, begin, end, labels, text } in sorted {
        plain_name("file", file)?;
        plain_name("channel", channel)?;
        plain_name("speaker", speaker)?;
        plain_words(text)?;
        let mut line = format!("{file} {channel} {speaker} {} {}", Seconds(*begin), Seconds(*end));
        // Without labels a text that begins with `<` would be read as labels.
        let labels = labels.as_deref().or(text.starts_with('<').then_some("<>"));
        if let Some(labels) = labels {
            plain_name("labels", labels)?;
            line += &format!(" {labels}");
        }
        if !text.is_empty() {
            line += &format!(" {text}");
        }
        write_line(&mut writer, format_args!("{line}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(segments: &[StmSegment]) -> String {
        let mut bytes = Vec::new();
        write_stm(&mut bytes, segments).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn labels_and_texts_may_be_missing() {
        let text = "f A ann 0.0 1.5 <O,F0> hold the <unk> line\nf A ann 2 3\nf A bob 3 4 <o>\nf B bob 4 5 no <unk>\n\
                    f B x 5 6 <O> IGNORE_TIME_SEGMENT_IN_SCORING\n";
        let found = read_stm(text.as_bytes()).unwrap();
        let texts: Vec<&str> = found.iter().map(|segment| segment.text.as_str()).collect();
        assert_eq!(texts[..4], ["hold the <unk> line", "", "", "no <unk>"]);
        assert_eq!(found[0].labels.as_deref(), Some("<O,F0>"));
        assert_eq!(found.iter().filter(|segment| segment.is_ignored()).count(), 1);
        assert!(
            written(&found).starts_with("f A ann 0.00 1.50 <O,F0> hold the <unk> line\nf A ann 2.00 3.00\n")
        );
    }

    #[test]
    fn a_line_that_is_not_right_is_refused_with_its_number() {
        for (line, expected) in [
            ("f A ann 1", "expected `file channel speaker begin end [<labels>] text`, found `f A ann 1`"),
            ("f A ann x 2 w", "expected a begin in seconds"),
            ("f A ann 2 2 w", "expected an end in seconds after the begin"),
            ("f A ann 1 2 <O> { a / @ }", "without alternatives"),
        ] {
            let found = read_stm(format!(";;\nf A ann 0 1 w\n{line}\n").as_bytes()).unwrap_err().to_string();
            assert!(found.starts_with("line 3: ") && found.contains(expected), "{found}");
        }
    }

    fn a_segment() -> impl Strategy<Value = StmSegment> {
        let times = (0..10_000_000_000u64, 1..10_000_000u64);
        let names = ("[a-z]{1,3}", "[AB]", "[a-z]{1,3}");
        (names, times, prop::option::of("<[OF0-9,]{1,5}>"), "([a-zé']{1,5}( [a-z]{1,5}){0,4})?").prop_map(
            |((file, channel, speaker), (begin, length), labels, text)| StmSegment {
                file,
                channel,
                speaker,
                begin,
                end: begin + length,
                labels,
                text,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(mut segments in prop::collection::vec(a_segment(), 0..9)) {
            segments.sort_by(|a, b| (&a.file, &a.channel, a.begin).cmp(&(&b.file, &b.channel, b.begin)));
            prop_assert_eq!(read_stm(written(&segments).as_bytes()).unwrap(), segments);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read_stm(&bytes[..]);
        }
    }
}
