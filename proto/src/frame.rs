use bytes::{Bytes, BytesMut};
use thiserror::Error;

/// Largest payload of one streamed part. gRPC's default limit for a message is 4 MiB; parts stay well below it so that
/// flow control has something to hold back.
pub const MAX_PART_BYTES: usize = 1 << 20;

/// What can be wrong with a streamed payload.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum FrameError {
    /// The header announces more than the receiver will hold.
    #[error("payload of {announced} bytes announced, at most {limit} are accepted")]
    TooLarge {
        /// Bytes in the header.
        announced: u64,
        /// Bytes that are accepted.
        limit: u64,
    },
    /// A part was larger than [`MAX_PART_BYTES`].
    #[error("part of {found} bytes, at most {MAX_PART_BYTES} are accepted")]
    PartTooLarge {
        /// Bytes in the part.
        found: usize,
    },
    /// More bytes came than were announced.
    #[error("payload of {announced} bytes announced, at least {found} came")]
    Overrun {
        /// Bytes in the header.
        announced: u64,
        /// Bytes that came.
        found: u64,
    },
    /// The stream ended early.
    #[error("payload of {announced} bytes announced, the stream ended after {found}")]
    Truncated {
        /// Bytes in the header.
        announced: u64,
        /// Bytes that came.
        found: u64,
    },
}

/// Cuts a payload into parts of at most [`MAX_PART_BYTES`] without copying it.
pub fn parts(payload: &Bytes) -> impl Iterator<Item = Bytes> + Send + use<> {
    let payload = payload.clone();
    (0..payload.len())
        .step_by(MAX_PART_BYTES)
        .map(move |start| payload.slice(start..payload.len().min(start + MAX_PART_BYTES)))
}

/// Puts a streamed payload together, never holding more than its header announced.
#[derive(Debug)]
pub struct PayloadAssembler {
    announced: u64,
    bytes: BytesMut,
}

impl PayloadAssembler {
    /// An assembler for a payload of `announced` bytes.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`] above `limit` bytes.
    pub fn new(announced: u64, limit: u64) -> Result<Self, FrameError> {
        if announced > limit {
            return Err(FrameError::TooLarge { announced, limit });
        }
        // Grows with what really comes: an announcement alone reserves one part at most.
        let reserve = usize::try_from(announced).unwrap_or(usize::MAX).min(MAX_PART_BYTES);
        Ok(Self { announced, bytes: BytesMut::with_capacity(reserve) })
    }

    /// Adds the next part.
    ///
    /// # Errors
    /// [`FrameError::PartTooLarge`] and [`FrameError::Overrun`].
    pub fn push(&mut self, part: &[u8]) -> Result<(), FrameError> {
        if part.len() > MAX_PART_BYTES {
            return Err(FrameError::PartTooLarge { found: part.len() });
        }
        let found = self.bytes.len() as u64 + part.len() as u64;
        if found > self.announced {
            return Err(FrameError::Overrun { announced: self.announced, found });
        }
        self.bytes.extend_from_slice(part);
        Ok(())
    }

    /// What has come, where only a bound was announced.
    #[must_use]
    pub fn finish_early(self) -> Bytes {
        self.bytes.freeze()
    }

    /// The whole payload.
    ///
    /// # Errors
    /// [`FrameError::Truncated`] where bytes are missing.
    pub fn finish(self) -> Result<Bytes, FrameError> {
        let found = self.bytes.len() as u64;
        if found < self.announced {
            return Err(FrameError::Truncated { announced: self.announced, found });
        }
        Ok(self.bytes.freeze())
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
            let mut assembler = PayloadAssembler::new(length as u64, u64::MAX).unwrap();
            for part in parts(&payload) {
                assembler.push(&part).unwrap();
            }
            prop_assert_eq!(assembler.finish().unwrap(), payload);
        }
    }

    #[test]
    fn lies_about_the_length_are_refused() {
        let mut bounded = PayloadAssembler::new(10, 10).unwrap();
        bounded.push(&[7; 3]).unwrap();
        assert_eq!(bounded.finish_early(), [7; 3].as_slice());
        assert!(matches!(
            PayloadAssembler::new(11, 10),
            Err(FrameError::TooLarge { announced: 11, limit: 10 })
        ));
        let mut short = PayloadAssembler::new(4, 10).unwrap();
        assert_eq!(short.push(&[0; 5]), Err(FrameError::Overrun { announced: 4, found: 5 }));
        short.push(&[0; 3]).unwrap();
        assert_eq!(short.finish(), Err(FrameError::Truncated { announced: 4, found: 3 }));
        let mut wide = PayloadAssembler::new(u64::MAX, u64::MAX).unwrap();
        let found = MAX_PART_BYTES + 1;
        assert_eq!(wide.push(&vec![0; found]), Err(FrameError::PartTooLarge { found }));
    }
}
