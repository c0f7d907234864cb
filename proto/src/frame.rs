use bytes::{Bytes, BytesMut};
use thiserror::Error;

/// Maximum payload of one streamed part. gRPC's default limit for a message is 4 MiB; parts stay well below it so that
/// flow control works in small enough steps. A multiple of every value's size, so that no part ends within a value.
pub const MAX_PART_BYTES: usize = 1 << 20;

/// Size of the parts that senders cut payloads into. In a sum, the next slot waits for a whole part of its
/// predecessor: small parts keep all links busy.
pub const PART_BYTES: usize = 256 << 10;

/// Errors of a streamed payload.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum FrameError {
    /// A part was larger than [`MAX_PART_BYTES`].
    #[error("part of {found} bytes, at most {MAX_PART_BYTES} are accepted")]
    PartTooLarge {
        /// Bytes in the part.
        found: usize,
    },
    /// The payload is larger than the receiver accepts.
    #[error("payload of at least {found} bytes, at most {limit} are accepted")]
    TooLarge {
        /// Bytes accepted.
        limit: u64,
        /// Bytes received.
        found: u64,
    },
}

/// Cuts a payload into parts of at most [`PART_BYTES`] without copying it.
pub fn parts(payload: &Bytes) -> impl Iterator<Item = Bytes> + Send + use<> {
    let payload = payload.clone();
    (0..payload.len())
        .step_by(PART_BYTES)
        .map(move |start| payload.slice(start..payload.len().min(start + PART_BYTES)))
}

/// Assembles a streamed payload, up to a size limit.
#[derive(Debug)]
pub struct PayloadAssembler {
    limit: u64,
    bytes: BytesMut,
}

impl PayloadAssembler {
    /// An assembler for a payload of at most `limit` bytes; its memory grows with the bytes received.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self { limit, bytes: BytesMut::new() }
    }

    /// Adds the next part.
    ///
    /// # Errors
    /// [`FrameError::PartTooLarge`] and [`FrameError::TooLarge`].
    pub fn push(&mut self, part: &[u8]) -> Result<(), FrameError> {
        if part.len() > MAX_PART_BYTES {
            return Err(FrameError::PartTooLarge { found: part.len() });
        }
        let found = self.bytes.len() as u64 + part.len() as u64;
        if found > self.limit {
            return Err(FrameError::TooLarge { limit: self.limit, found });
        }
        self.bytes.extend_from_slice(part);
        Ok(())
    }

    /// The bytes received so far. A digest has to show whether they are complete.
    #[must_use]
    pub fn finish(self) -> Bytes {
        self.bytes.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_payload_survives_the_cut(length in 0usize..3 * MAX_PART_BYTES + 7) {
            let payload: Bytes = (0..length).map(|i| (i * 31 % 251) as u8).collect::<Vec<_>>().into();
            let mut assembler = PayloadAssembler::new(length as u64);
            for part in parts(&payload) {
                assembler.push(&part).unwrap();
            }
            prop_assert_eq!(assembler.finish(), payload);
        }
    }

    #[test]
    fn more_than_the_limit_is_refused_and_not_held() {
        let mut short = PayloadAssembler::new(4);
        assert_eq!(short.push(&[0; 5]), Err(FrameError::TooLarge { limit: 4, found: 5 }));
        short.push(&[7; 3]).unwrap();
        assert_eq!(short.push(&[0; 2]), Err(FrameError::TooLarge { limit: 4, found: 5 }));
        assert_eq!(short.finish(), [7; 3].as_slice());
        let mut wide = PayloadAssembler::new(u64::MAX);
        let found = MAX_PART_BYTES + 1;
        assert_eq!(wide.push(&vec![0; found]), Err(FrameError::PartTooLarge { found }));
    }
}
