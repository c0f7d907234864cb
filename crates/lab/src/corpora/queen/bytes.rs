//! Reads numbers and texts at offsets, never beyond the end.

use anyhow::{Context, Result};

/// A file's bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    /// `length` bytes at `offset`.
    pub(super) fn slice(self, offset: usize, length: usize) -> Result<&'a [u8]> {
        offset.checked_add(length).and_then(|end| self.0.get(offset..end)).with_context(|| {
            format!("expected {length} bytes at {offset}, found the end at {}", self.0.len())
        })
    }

    pub(super) fn u8(self, offset: usize) -> Result<u8> {
        Ok(self.array::<1>(offset)?[0])
    }

    pub(super) fn u16(self, offset: usize) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array(offset)?))
    }

    pub(super) fn i16(self, offset: usize) -> Result<i16> {
        Ok(i16::from_be_bytes(self.array(offset)?))
    }

    pub(super) fn u32(self, offset: usize) -> Result<u32> {
        Ok(u32::from_be_bytes(self.array(offset)?))
    }

    fn array<const N: usize>(self, offset: usize) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.slice(offset, N)?);
        Ok(array)
    }

    /// A text whose length is in the byte before it, and the offset of what follows. Texts are padded so that the next
    /// item is at a multiple of `alignment`; an empty text is not padded.
    pub(super) fn text(self, offset: usize, alignment: usize) -> Result<(String, usize)> {
        let length = usize::from(self.u8(offset)?);
        let start = offset + 1;
        let text = self.slice(start, length)?.iter().map(|byte| char::from(*byte)).collect();
        let end = start + length;
        Ok((text, if length == 0 { end } else { end.next_multiple_of(alignment) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_padded_unless_they_are_empty() {
        let bytes = Bytes(b"\x02ab\0\0\x00\x01c");
        assert_eq!(bytes.text(0, 4).unwrap(), ("ab".to_owned(), 4));
        assert_eq!(bytes.text(5, 4).unwrap(), (String::new(), 6));
        assert_eq!(bytes.text(6, 2).unwrap(), ("c".to_owned(), 8));
    }

    #[test]
    fn nothing_is_read_past_the_end() {
        let bytes = Bytes(&[1, 2, 3]);
        assert_eq!(bytes.u16(1).unwrap(), 0x0203);
        let errors = [
            bytes.u16(2).map(drop),
            bytes.u32(0).map(drop),
            bytes.text(2, 2).map(drop),
            bytes.slice(usize::MAX, 2).map(drop),
        ];
        for error in errors.map(|result| result.unwrap_err().to_string()) {
            assert!(error.contains("found the end at 3"), "{error}");
        }
    }
}
