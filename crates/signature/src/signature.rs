use crate::{KeyId, hexadecimal};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// A signature, and which key it is said to be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The key that has made it.
    pub key: KeyId,
    /// Its 64 bytes, as hexadecimal digits.
    pub(crate) ed25519: Bytes,
}

/// The bytes of a signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) [u8; 64]);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hexadecimal::encode(&self.0))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hexadecimal::encode(&self.0))
    }
}

impl<'d> Deserialize<'d> for Bytes {
    fn deserialize<D: Deserializer<'d>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let other = || de::Error::custom("expected a signature of 128 hexadecimal digits in lower case");
        hexadecimal::decode(&text).map(Self).ok_or_else(other)
    }
}
