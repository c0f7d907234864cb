//! What the hero says about things (`QUEEN.JAS` has counts, `QUEEN2.JAS` lines): clips `JOE` and a number.

use super::bytes::Bytes;
use super::segments::Texts;
use anyhow::{Result, ensure};

/// Offset of four counts: rooms, names, objects, descriptions.
const COUNTS: usize = 20;
/// Number of lines between the names of rooms and the responses: verbs and similar.
const VERBS: usize = 12;
/// Clips 1 to 40 are responses such as "it's closed"; descriptions follow.
const RESPONSES: usize = 40;

/// Reads descriptions and responses. The lines are, in this order: descriptions, names, rooms, verbs, responses, and
/// more.
pub(super) fn read(counts: &[u8], lines: &[u8], texts: &mut Texts) -> Result<()> {
    let counts = Bytes(counts);
    let rooms = usize::from(counts.u16(COUNTS)?);
    let names = usize::from(counts.u16(COUNTS + 2)?);
    let descriptions = usize::from(counts.u16(COUNTS + 6)?);
    let text: String = lines.iter().map(|byte| char::from(*byte)).collect();
    let lines: Vec<&str> = text.lines().collect();
    let first_response = descriptions + names + rooms + VERBS;
    ensure!(
        lines.len() >= first_response,
        "expected {first_response} lines before the responses, found {}",
        lines.len()
    );
    let responses = lines[first_response..].iter().take(RESPONSES).zip(1..);
    let descriptions = lines[..descriptions].iter().zip(RESPONSES + 1..);
    for (line, number) in responses.chain(descriptions) {
        texts.add(&format!("JOE{number:04}"), line);
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Counts and lines: the descriptions, 3 names, 2 rooms, the verbs, the responses.
    pub(in super::super) fn files(descriptions: &[&str], responses: &[&str]) -> (Vec<u8>, Vec<u8>) {
        let mut counts = vec![0; COUNTS];
        for count in [2, 3, 99, u16::try_from(descriptions.len()).unwrap()] {
            counts.extend(count.to_be_bytes());
        }
        let between = vec!["no line"; 3 + 2 + VERBS];
        (counts, [descriptions, &between, responses].concat().join("\r\n").into_bytes())
    }

    #[test]
    fn responses_come_first_then_descriptions() {
        let (counts, lines) = files(&["A bone.*24", "It's a label:*14\"Serum\""], &["Closed.*02", "Open."]);
        let mut texts = Texts::default();
        read(&counts, &lines, &mut texts).unwrap();
        for (clip, text) in [
            ("JOE00011", "Closed."),
            ("JOE00021", "Open."),
            ("JOE00411", "A bone."),
            ("JOE00421", "It's a label:"),
            ("JOE00422", "\"Serum\""),
        ] {
            assert_eq!(texts.of(clip), Some(text), "{clip}");
        }
        assert_eq!(texts.of("JOE00031"), None);
    }

    #[test]
    fn too_few_lines_are_an_error_with_both_numbers() {
        let (counts, lines) = files(&["A bone."], &[]);
        let error = read(&counts, &lines[..10], &mut Texts::default()).unwrap_err().to_string();
        assert!(error.contains("expected 18 lines") && error.contains("found 2"), "{error}");
    }
}
