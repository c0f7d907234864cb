//! Tensors in safetensors files, all of them f32.
//!
//! This module does not use the crate `safetensors`, for two reasons. The same content must give the same bytes, but
//! that crate writes metadata in the order of a hash map. And each way in which a file can be malformed must have its
//! own error, checked before any allocation. Tests compare both implementations.

mod malformed;
mod read;
mod write;

pub use malformed::Malformed;

use crate::Error;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Tensors by name, and text by key. 64-bit counters are stored as text, because f32 would round them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TensorFile {
    /// Tensors by name.
    pub tensors: BTreeMap<String, NamedTensor>,
    /// Text by key.
    pub metadata: BTreeMap<String, String>,
}

/// A tensor of f32.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NamedTensor {
    /// Row-major; empty for a single number.
    pub shape: Vec<usize>,
    /// As many values as the product of `shape`.
    pub values: Vec<f32>,
}

impl TensorFile {
    /// Encodes the file. The same content always gives the same bytes.
    ///
    /// # Errors
    /// [`Malformed`] if a tensor's shape and values do not match, or the file could not be read back.
    pub fn to_bytes(&self) -> Result<Bytes, Error> {
        Ok(write::write(self)?)
    }

    /// Decodes a file. Allocates at most a small multiple of the length of `bytes`, whatever their content.
    ///
    /// # Errors
    /// [`Malformed`], with a variant for each way in which a file can be malformed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Ok(read::read(bytes)?)
    }

    /// The tensor with this name.
    ///
    /// # Errors
    /// [`Malformed::NoTensor`].
    pub fn tensor(&self, name: &str) -> Result<&NamedTensor, Error> {
        Ok(self.tensors.get(name).ok_or_else(|| Malformed::NoTensor { name: name.to_owned() })?)
    }

    /// The counter with this key in the metadata.
    ///
    /// # Errors
    /// [`Malformed::NoCounter`] if it is missing or not a number.
    pub fn counter(&self, key: &str) -> Result<u64, Error> {
        let found = self.metadata.get(key);
        let number = found.and_then(|text| text.parse().ok());
        Ok(number.ok_or_else(|| Malformed::NoCounter { key: key.to_owned(), found: found.cloned() })?)
    }
}

/// Length in bytes of the header's length, which precedes the header.
const LENGTH_BYTES: usize = 8;
/// Maximum length of a header. One of [`MAX_TENSORS`] typical tensors needs less than half of it.
const MAX_HEADER: u64 = 16 << 20;
/// The largest models here have some hundreds.
const MAX_TENSORS: usize = 1 << 16;
/// The one key that is not a tensor's name.
const METADATA: &str = "__metadata__";
/// The only supported type.
const F32: &str = "F32";

/// Number of values; `None` if their size in bytes overflows.
fn count(shape: &[usize]) -> Option<usize> {
    let values = shape.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent))?;
    values.checked_mul(size_of::<f32>()).map(|_| values)
}
