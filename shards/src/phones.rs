use crate::manifest::checksum;
use crate::{Error, Part};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stentor_store::Store;

/// The phones of each utterance in sets that predate the column `phones`, in an object beside the shards. It is read,
/// but no longer written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhoneStrings {
    /// Names of phones; they may include phones that are not in the inventory.
    names: Vec<String>,
    /// Indices into `names`, by utterance.
    utterances: BTreeMap<String, Vec<u16>>,
}

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

/// Name of the object that contains [`PhoneStrings`].
pub const FILE: &str = "phones.json";

impl PhoneStrings {
    /// Returns the phones of an utterance, or `None` if unknown.
    #[must_use]
    pub fn of(&self, utterance: &str) -> Option<Vec<&str>> {
        let ids = self.utterances.get(utterance)?;
        ids.iter().map(|&id| self.names.get(usize::from(id)).map(String::as_str)).collect()
    }

    /// Reads the object named by a manifest and checks every byte.
    pub(crate) async fn read(store: &Store, info: &ObjectInfo) -> Result<Self, Error> {
        let file = || format!("{}/{}", store.location(), info.file);
        let size = store.size(&info.file).await?;
        if size != info.bytes {
            return Err(Error::ShardSize { file: file(), expected: info.bytes, found: size });
        }
        let bytes = store.get(&info.file).await?;
        let found = checksum(&bytes);
        if found != info.checksum {
            let (part, expected) = (Part::File, info.checksum.clone());
            return Err(Error::Checksum { file: file(), part, expected, found });
        }
        let refuse = |reason: String| Error::PhoneStrings { file: file(), reason };
        let strings: Self = serde_json::from_slice(&bytes).map_err(|e| refuse(e.to_string()))?;
        let strange = strings.utterances.iter().find_map(|(utterance, ids)| {
            Some((utterance, ids.iter().find(|id| usize::from(**id) >= strings.names.len())?))
        });
        match strange {
            Some((utterance, id)) => {
                Err(refuse(format!("utterance {utterance} has phone {id} of {} names", strings.names.len())))
            }
            None => Ok(strings),
        }
    }
}

impl ObjectInfo {
    /// Returns the first contradiction.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let file = &self.file;
        (file.is_empty() || file.contains('/')).then(|| format!("`{file}` is not a file name"))
    }
}
