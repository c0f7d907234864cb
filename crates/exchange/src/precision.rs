use crate::error::Error;
use crate::{bf16, dense};

/// Format of the values of a dense payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Little-endian `f32`; see [`crate::encode_dense`].
    F32,
    /// Little-endian bfloat16; see [`crate::encode_bf16`].
    Bf16,
}

impl Precision {
    /// Returns the bytes of one value.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Precision::F32 => dense::BYTES,
            Precision::Bf16 => bf16::BYTES,
        }
    }

    /// Checks that a payload contains `len` finite values.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Trailing`], [`Error::NonFinite`].
    pub fn check(self, payload: &[u8], len: usize) -> Result<(), Error> {
        match self {
            Precision::F32 => dense::check_dense(payload, len),
            Precision::Bf16 => bf16::check_bf16(payload, len),
        }
    }
}
