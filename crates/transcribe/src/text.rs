//! Texts that people write with an editor.

/// Bytes that are not text in UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUtf8 {
    /// By their first two bytes.
    #[error("expected text in UTF-8, found UTF-16: save the file as UTF-8")]
    Utf16,
    /// Anything else.
    #[error("line {line}: expected text in UTF-8, found byte 0x{byte:02x}: save the file as UTF-8")]
    Byte {
        /// Counted from 1.
        line: usize,
        /// The first that belongs to no character.
        byte: u8,
    },
}

/// The text of a file, without a byte-order mark, which some editors write before it.
///
/// # Errors
/// [`NotUtf8`].
pub fn utf8(bytes: Vec<u8>) -> Result<String, NotUtf8> {
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes();
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return NotUtf8::Utf16;
        }
        let (good, bad) = bytes.split_at(error.utf8_error().valid_up_to());
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        NotUtf8::Byte { line, byte: bad.first().copied().unwrap_or_default() }
    })?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_text() {
        assert_eq!(utf8("\u{feff}größer".into()), Ok("größer".to_owned()));
        assert_eq!(utf8(Vec::new()), Ok(String::new()));
    }

    #[test]
    fn other_encodings_are_named_as_far_as_they_can_be_told() {
        let utf16 = [0xff, 0xfe].into_iter().chain("ab".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(utf8(utf16.collect()), Err(NotUtf8::Utf16));
        let latin_1 = utf8(b"ein\nzwei\ngr\xf6\xdfer\n".to_vec()).unwrap_err();
        assert_eq!(latin_1, NotUtf8::Byte { line: 3, byte: 0xf6 });
        let words = "line 3: expected text in UTF-8, found byte 0xf6: save the file as UTF-8";
        assert_eq!(latin_1.to_string(), words);
    }
}
