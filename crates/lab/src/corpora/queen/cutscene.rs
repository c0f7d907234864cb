//! Cut-scenes (`*.CUT`): texts in the order in which they are spoken.

use super::bytes::Bytes;
use super::dialogue::HEADER;
use super::segments::Texts;
use anyhow::{Context, Result};

const COUNT: usize = 2;
const TEXTS: usize = 8;

/// Reads a cut-scene's texts; `stem` is its file name without extension.
pub(super) fn read(file: &[u8], stem: &str, texts: &mut Texts) -> Result<()> {
    let bytes = Bytes(file.get(HEADER..).context("expected a header of 20 bytes, found the end")?);
    let count = bytes.i16(COUNT)?.unsigned_abs();
    let mut offset = usize::from(bytes.u16(TEXTS)?);
    for index in 0..=count {
        let (text, next) = bytes.text(offset, 2).with_context(|| format!("text {index} of {count}"))?;
        offset = next;
        // The first text is not spoken.
        if index > 0 {
            texts.add(&format!("{stem:_<5}{index:02}"), &text);
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A cut-scene with these texts, the first of which is not spoken.
    pub(in super::super) fn file(lines: &[&str]) -> Vec<u8> {
        let mut content = vec![0; 10];
        // Some files store the negative count.
        let count = 1 - i16::try_from(lines.len()).unwrap();
        content[COUNT..COUNT + 2].copy_from_slice(&count.to_be_bytes());
        content[TEXTS..TEXTS + 2].copy_from_slice(&10_u16.to_be_bytes());
        for line in lines {
            content.push(u8::try_from(line.len()).unwrap());
            content.extend(line.as_bytes());
            if !line.is_empty() {
                let padded = content.len().next_multiple_of(2);
                content.resize(padded, 0);
            }
        }
        [vec![0; HEADER], content].concat()
    }

    #[test]
    fn texts_are_numbered_from_one_and_short_names_padded() {
        let mut texts = Texts::default();
        read(&file(&["", "Even", "Odd*01More", "", "End."]), "C8A", &mut texts).unwrap();
        for (clip, text) in
            [("C8A__011", "Even"), ("C8A__021", "Odd"), ("C8A__022", "More"), ("C8A__041", "End.")]
        {
            assert_eq!(texts.of(clip), Some(text), "{clip}");
        }
    }

    #[test]
    fn a_file_that_ends_early_says_which_text_is_missing() {
        let bytes = file(&["", "One", "Two"]);
        let error = format!("{:#}", read(&bytes[..bytes.len() - 2], "C", &mut Texts::default()).unwrap_err());
        assert!(error.contains("text 2 of 2"), "{error}");
    }
}
