//! Dialogues (`*.DOG`): the hero's possible lines, the other person's answers, and the good-byes of both.

use super::bytes::Bytes;
use super::segments::Texts;
use anyhow::{Context, Result};

/// Length of the header.
pub(super) const HEADER: usize = 20;
const LEVELS: usize = 0;
const NUMBER: usize = 4;
const HERO_LINES: usize = 6;
const PERSON_LINES: usize = 8;
const PERSON_OFFSET: usize = 22;
const GOODBYE_OFFSET: usize = 26;
/// The tree of choices is between this offset and the hero's lines.
const TREE: usize = 32;
const LEVEL: usize = 96;

/// Reads a dialogue's lines and returns its number.
pub(super) fn read(file: &[u8], texts: &mut Texts) -> Result<i16> {
    let bytes = Bytes(file.get(HEADER..).context("expected a header of 20 bytes, found the end")?);
    let number = bytes.i16(NUMBER)?;
    let person = usize::from(bytes.u16(PERSON_OFFSET)?);
    lines(bytes, person, bytes.i16(PERSON_LINES)?, number, 'P', texts).context("the other person's lines")?;
    let hero = TREE + usize::from(bytes.i16(LEVELS)?.unsigned_abs()) * LEVEL;
    let count = bytes.i16(HERO_LINES)?;
    lines(bytes, hero, count, number, 'J', texts).context("the hero's lines")?;
    // A first line with the identity 0 is the hero's greeting.
    if count > 0 && bytes.u16(hero + 2)? == 0 {
        let (greeting, _) = bytes.text(hero + 4, 4).context("the hero's greeting")?;
        texts.add(&format!("{number:02}SSSSJ"), &greeting);
    }
    let goodbye = usize::from(bytes.u16(GOODBYE_OFFSET)?);
    let (person, next) = bytes.text(goodbye, 2).context("the other person's good-bye")?;
    texts.add(&format!("{number:02}XXXXP"), &person);
    let (hero, _) = bytes.text(next, 2).context("the hero's good-bye")?;
    texts.add(&format!("{number:02}XXXXJ"), &hero);
    Ok(number)
}

/// `count` lines: 2 unused bytes, an identity, a text.
fn lines(
    bytes: Bytes<'_>,
    start: usize,
    count: i16,
    number: i16,
    speaker: char,
    texts: &mut Texts,
) -> Result<()> {
    let mut offset = start;
    for index in 0..count {
        let identity = bytes.u16(offset + 2).with_context(|| format!("line {index} of {count}"))?;
        let (text, next) = bytes.text(offset + 4, 4).with_context(|| format!("line {index} of {count}"))?;
        texts.add(&format!("{number:02}{identity:04X}{speaker}"), &text);
        offset = next;
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A dialogue with one level of choices.
    pub(in super::super) fn file(
        number: i16,
        person: &[(u16, &str)],
        hero: &[(u16, &str)],
        goodbye: [&str; 2],
    ) -> Vec<u8> {
        let mut content = vec![0; TREE + LEVEL];
        let put = |content: &mut Vec<u8>, lines: &[(u16, &str)]| {
            for (identity, text) in lines {
                content.extend([0, 0]);
                content.extend(identity.to_be_bytes());
                content.push(u8::try_from(text.len()).unwrap());
                content.extend(text.as_bytes());
                let padded = content.len().next_multiple_of(4);
                content.resize(padded, 0);
            }
        };
        put(&mut content, hero);
        let person_offset = u16::try_from(content.len()).unwrap();
        put(&mut content, person);
        let goodbye_offset = u16::try_from(content.len()).unwrap();
        for text in goodbye {
            content.push(u8::try_from(text.len()).unwrap());
            content.extend(text.as_bytes());
            let padded = content.len().next_multiple_of(2);
            content.resize(padded, 0);
        }
        let count = |lines: &[(u16, &str)]| i16::try_from(lines.len()).unwrap().to_be_bytes();
        // Some files store the negative number of levels.
        content[LEVELS..LEVELS + 2].copy_from_slice(&(-1_i16).to_be_bytes());
        content[NUMBER..NUMBER + 2].copy_from_slice(&number.to_be_bytes());
        content[HERO_LINES..HERO_LINES + 2].copy_from_slice(&count(hero));
        content[PERSON_LINES..PERSON_LINES + 2].copy_from_slice(&count(person));
        content[PERSON_OFFSET..PERSON_OFFSET + 2].copy_from_slice(&person_offset.to_be_bytes());
        content[GOODBYE_OFFSET..GOODBYE_OFFSET + 2].copy_from_slice(&goodbye_offset.to_be_bytes());
        [vec![0; HEADER], content].concat()
    }

    #[test]
    fn lines_greeting_and_good_byes_are_named_by_number_identity_and_speaker() {
        let bytes = file(
            7,
            &[(0x1E, "Odd.*00Even!"), (0xB3, "Three")],
            &[(0, "Hello."), (0x2A, "Yes?")],
            ["Bye.", "So long."],
        );
        let mut texts = Texts::default();
        assert_eq!(read(&bytes, &mut texts).unwrap(), 7);
        for (clip, text) in [
            ("07001EP1", "Odd."),
            ("07001EP2", "Even!"),
            ("0700B3P1", "Three"),
            ("07002AJ1", "Yes?"),
            ("07SSSSJ1", "Hello."),
            ("07XXXXP1", "Bye."),
            ("07XXXXJ1", "So long."),
        ] {
            assert_eq!(texts.of(clip), Some(text), "{clip}");
        }
    }

    #[test]
    fn a_hero_without_a_greeting_has_no_clip_for_it() {
        let mut texts = Texts::default();
        read(&file(7, &[], &[(5, "Yes?")], ["", ""]), &mut texts).unwrap();
        assert_eq!((texts.of("07SSSSJ1"), texts.of("070005J1")), (None, Some("Yes?")));
    }

    #[test]
    fn a_file_that_ends_early_says_which_line_is_missing() {
        let bytes = file(7, &[(1, "One")], &[(2, "Two"), (3, "Three")], ["", ""]);
        let error =
            format!("{:#}", read(&bytes[..HEADER + TREE + LEVEL + 14], &mut Texts::default()).unwrap_err());
        assert!(error.contains("the other person's lines: line 0 of 1"), "{error}");
    }
}
