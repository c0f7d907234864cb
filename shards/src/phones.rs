use crate::manifest::checksum;
use crate::{Error, Part};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stentor_store::Store;

/// What each utterance of a set says in phones, silence left out, at the alignment's own resolution. Frames of 30 ms do not hold all
/// of it: a phone can be shorter, and then no frame's centre lies in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhoneStrings {
    /// Names of phones; others than in the inventory may be among them.
    names: Vec<String>,
    /// Places in `names`, by utterance.
    utterances: BTreeMap<String, Vec<u16>>,
}

/// An object beside a set's shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectInfo {
    /// Name within the set's folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// blake3, hexadecimal.
    pub checksum: String,
}

/// Name of the object that holds [`PhoneStrings`].
pub const FILE: &str = "phones.json";

impl PhoneStrings {
    /// Takes an utterance; one that was there is replaced.
    ///
    /// # Errors
    /// [`Error::PhoneStrings`] for more phones than 16-bit ids can tell apart.
    pub fn insert<'a>(
        &mut self,
        utterance: &str,
        phones: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Error> {
        let mut ids = Vec::new();
        for phone in phones {
            let known = self.names.iter().position(|name| name == phone);
            let place = known.unwrap_or(self.names.len());
            let id = u16::try_from(place).map_err(|_| Error::PhoneStrings {
                file: FILE.to_owned(),
                reason: format!("more than {place} different phones"),
            })?;
            if known.is_none() {
                self.names.push(phone.to_owned());
            }
            ids.push(id);
        }
        self.utterances.insert(utterance.to_owned(), ids);
        Ok(())
    }

    /// The phones of an utterance; none where it is not known.
    #[must_use]
    pub fn of(&self, utterance: &str) -> Option<Vec<&str>> {
        let ids = self.utterances.get(utterance)?;
        ids.iter().map(|&id| self.names.get(usize::from(id)).map(String::as_str)).collect()
    }

    /// Whether there is no utterance.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.utterances.is_empty()
    }

    /// The object's bytes, and what the manifest says of them.
    pub(crate) fn encode(&self) -> (Vec<u8>, ObjectInfo) {
        let bytes = serde_json::to_vec(self).expect("plain structures with string keys always serialise");
        let info =
            ObjectInfo { file: FILE.to_owned(), bytes: bytes.len() as u64, checksum: checksum(&bytes) };
        (bytes, info)
    }

    /// Reads the object that a manifest names, every byte checked.
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
    /// The first contradiction in it.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let file = &self.file;
        (file.is_empty() || file.contains('/')).then(|| format!("`{file}` is not a file name"))
    }
}
