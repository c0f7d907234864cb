//! The TFRecord format: each record with its length before it, and a checksum of both.

use prost::Message;

/// Added to a checksum, because the checksum of bytes that themselves contain checksums is weak.
const MASK: u32 = 0xa282_ead8;

/// Appends a record.
pub(crate) fn frame(message: &impl Message, to: &mut Vec<u8>) {
    let content = message.encode_to_vec();
    let length = (content.len() as u64).to_le_bytes();
    to.extend(length);
    to.extend(masked(&length).to_le_bytes());
    to.extend(&content);
    to.extend(masked(&content).to_le_bytes());
}

/// CRC32C, rotated right by 15 bits, plus [`MASK`].
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(MASK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Event, What};
    use proptest::prelude::*;

    /// The records in `bytes`; `None` if a checksum or a length is wrong.
    fn records(mut bytes: &[u8]) -> Option<Vec<Event>> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let length = bytes.get(..8)?;
            let content_len = u64::from_le_bytes(length.try_into().ok()?) as usize;
            let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
            let content = bytes.get(12..12 + content_len)?;
            if number(8)? != masked(length) || number(12 + content_len)? != masked(content) {
                return None;
            }
            found.push(Event::decode(content).ok()?);
            bytes = &bytes[16 + content_len..];
        }
        Some(found)
    }

    /// The first record of every event file; its bytes are known.
    #[test]
    fn the_first_record_has_the_bytes_that_tensorflow_writes() {
        let version = What::FileVersion("brain.Event:2".into());
        let mut bytes = Vec::new();
        frame(&Event { wall_time: 0.0, step: 0, what: Some(version) }, &mut bytes);
        assert_eq!(bytes[..8], 15u64.to_le_bytes());
        assert_eq!(&bytes[12..27], b"\x1a\x0dbrain.Event:2");
        // CRC32C of "123456789" is 0xe3069283 (RFC 3720).
        assert_eq!(masked(b"123456789"), 0xe306_9283_u32.rotate_right(15).wrapping_add(MASK));
    }

    proptest! {
        #[test]
        fn records_come_back_and_a_changed_byte_is_noticed(
            steps in prop::collection::vec(0i64..i64::MAX, 1..5), at in 0usize..1000, bit in 0u8..8
        ) {
            let event = |&step| Event { wall_time: 1.5, step, what: Some(What::FileVersion("x".into())) };
            let events: Vec<Event> = steps.iter().map(event).collect();
            let mut bytes = Vec::new();
            events.iter().for_each(|event| frame(event, &mut bytes));
            prop_assert_eq!(records(&bytes), Some(events));
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(records(&bytes), None);
        }
    }
}
