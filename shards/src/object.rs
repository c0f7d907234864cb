//! Objects beside the shards of a set.

use crate::manifest::checksum;
use crate::{Error, Part};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stentor_store::Store;

/// An object beside a set's shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectInfo {
    /// Name within the set's folder.
    pub file: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// blake3, hexadecimal.
    pub checksum: String,
}

impl ObjectInfo {
    /// Describes an object of these bytes.
    pub(crate) fn new(file: &str, bytes: &[u8]) -> Self {
        Self { file: file.to_owned(), bytes: bytes.len() as u64, checksum: checksum(bytes) }
    }

    /// Reads the object and checks every byte.
    ///
    /// # Errors
    /// [`Error::ShardSize`], [`Error::Checksum`], [`Error::Store`].
    pub(crate) async fn read(&self, store: &Store) -> Result<Bytes, Error> {
        let file = || format!("{}/{}", store.location(), self.file);
        let found = store.size(&self.file).await?;
        if found != self.bytes {
            return Err(Error::ShardSize { file: file(), expected: self.bytes, found });
        }
        let bytes = store.get(&self.file).await?;
        let found = checksum(&bytes);
        if found != self.checksum {
            let (part, expected) = (Part::File, self.checksum.clone());
            return Err(Error::Checksum { file: file(), part, expected, found });
        }
        Ok(bytes)
    }

    /// Returns the first contradiction.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let file = &self.file;
        (file.is_empty() || file.contains('/')).then(|| format!("`{file}` is not a file name"))
    }
}
