use crate::{Error, ObjectInfo};
use serde::Deserialize;
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
        let bytes = info.read(store).await?;
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
