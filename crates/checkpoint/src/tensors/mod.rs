//! Tensors in safetensors files, all of them f32.
//!
//! Written here rather than by the crate `safetensors` for two reasons: the same content must give the same bytes, while
//! that crate writes metadata in the order of a hash map; and each way in which a file can be malformed must have its
//! own error, checked before anything is allocated. The tests hold both implementations against each other.

mod malformed;
mod read;
mod write;

pub use malformed::Malformed;

use crate::Error;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Tensors by name, and text by key. Counters of 64 bits go into the text: f32 would round them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TensorFile {
    /// By name.
    pub tensors: BTreeMap<String, NamedTensor>,
    /// By key.
    pub metadata: BTreeMap<String, String>,
}

/// A tensor of f32.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NamedTensor {
    /// Row-major; empty for a single number.
    pub shape: Vec<usize>,
    /// As many as the product of `shape`.
    pub values: Vec<f32>,
}

impl TensorFile {
    /// The file's bytes. The same content always gives the same bytes.
    ///
    /// # Errors
    /// [`Malformed`] where a tensor's shape and values disagree, or the file could not be read back.
    pub fn to_bytes(&self) -> Result<Bytes, Error> {
        Ok(write::write(self)?)
    }

    /// Reads a file. Allocates no more than a small multiple of `bytes`, whatever they say.
    ///
    /// # Errors
    /// [`Malformed`], a variant for each way in which bytes can fail to be such a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Ok(read::read(bytes)?)
    }

    /// The tensor of this name.
    ///
    /// # Errors
    /// [`Malformed::NoTensor`].
    pub fn tensor(&self, name: &str) -> Result<&NamedTensor, Error> {
        Ok(self.tensors.get(name).ok_or_else(|| Malformed::NoTensor { name: name.to_owned() })?)
    }

    /// The counter under this key of the metadata.
    ///
    /// # Errors
    /// [`Malformed::NoCounter`] where it is missing or no number.
    pub fn counter(&self, key: &str) -> Result<u64, Error> {
        let found = self.metadata.get(key);
        let number = found.and_then(|text| text.parse().ok());
        Ok(number.ok_or_else(|| Malformed::NoCounter { key: key.to_owned(), found: found.cloned() })?)
    }
}

/// Bytes before the header: its length.
const LENGTH_BYTES: usize = 8;
/// A header of [`MAX_TENSORS`] ordinary tensors has less than half of it.
const MAX_HEADER: u64 = 16 << 20;
/// The largest models here have some hundreds.
const MAX_TENSORS: usize = 1 << 16;
/// The key that holds no tensor.
const METADATA: &str = "__metadata__";
/// The one type of numbers.
const F32: &str = "F32";

/// Number of values; none where it is beyond counting in bytes.
fn count(shape: &[usize]) -> Option<usize> {
    let values = shape.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent))?;
    values.checked_mul(size_of::<f32>()).map(|_| values)
}
