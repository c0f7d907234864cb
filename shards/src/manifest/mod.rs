//! What a set is made of. The manifest is published last: where there is one, everything that it names is there.

mod features;
mod labels;
mod normalisation;

pub use features::FeatureManifest;
pub use labels::LabelManifest;
pub use normalisation::Normalisation;

use crate::Error;
use crate::column::Column;
use crate::rows::View;
use crate::schema::{Declared, Schema, flaw};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use stentor_store::{Put, Store};

/// Version of manifest and columns together; raised with every change by which sets of before can no longer be read.
pub const SCHEMA_VERSION: u32 = 2;

/// Name of the object that makes a folder a published set.
pub const MANIFEST: &str = "manifest.json";

/// What a set holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Frames, and alignments where there are any.
    Features,
    /// A teacher's soft labels.
    Labels,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Features => "features",
            Kind::Labels => "labels",
        })
    }
}

/// The manifest of one kind of set.
pub trait Manifest: Serialize + DeserializeOwned + Send + Sync {
    /// The typed view of the columns that every set of this kind has.
    type Row: View;

    /// Which kind.
    const KIND: Kind;

    /// What every row must look like.
    fn layout(&self) -> <Self::Row as View>::Layout;

    /// Shard files, in order.
    fn shards(&self) -> &[ShardInfo];

    /// The columns that this set has beside those of its kind.
    fn declared(&self) -> &[Declared];

    /// The fingerprint as it is written.
    fn fingerprint(&self) -> &str;

    /// The fingerprint that the content gives.
    fn compute_fingerprint(&self) -> String;

    /// Checks what is particular to this kind.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::ManifestContent`].
    fn check(&self, location: &str) -> Result<(), Error>;
}

/// One shard file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardInfo {
    /// Name within the set's folder.
    pub file: String,
    /// Size of the file.
    pub bytes: u64,
    /// blake3 of the file, hexadecimal.
    pub checksum: String,
    /// blake3 of everything after the last row group, hexadecimal: a reader trusts no byte that it did not check, and
    /// it never reads the whole file.
    pub footer_checksum: String,
    /// Row groups in file order, without gaps between them.
    pub row_groups: Vec<RowGroupInfo>,
}

/// One row group: what a worker reads at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowGroupInfo {
    /// Utterances.
    pub rows: u32,
    /// Frames of all its utterances.
    pub frames: u64,
    /// First byte in the file.
    pub offset: u64,
    /// Length in the file.
    pub bytes: u64,
    /// blake3 of these bytes, hexadecimal.
    pub checksum: String,
}

impl ShardInfo {
    /// One past the last byte of the last row group.
    #[must_use]
    pub fn footer_offset(&self) -> u64 {
        self.row_groups.last().map_or(0, |group| group.offset.saturating_add(group.bytes))
    }

    /// Frames of all row groups.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.row_groups.iter().map(|group| group.frames).sum()
    }

    /// Utterances of all row groups.
    #[must_use]
    pub fn utterances(&self) -> u64 {
        self.row_groups.iter().map(|group| u64::from(group.rows)).sum()
    }

    /// The first contradiction in these numbers.
    fn contradiction(&self) -> Option<String> {
        let file = &self.file;
        if file.is_empty() || file.contains('/') {
            return Some(format!("`{file}` is not a file name"));
        }
        let Some(first) = self.row_groups.first() else {
            return Some(format!("{file} has no row groups"));
        };
        let mut expected = first.offset;
        for (index, group) in self.row_groups.iter().enumerate() {
            if group.offset != expected {
                return Some(format!(
                    "{file}, row group {index} starts at {}, expected {expected}",
                    group.offset
                ));
            }
            if group.rows == 0 || group.frames < u64::from(group.rows) || group.bytes == 0 {
                return Some(format!(
                    "{file}, row group {index} has {} rows, {} frames",
                    group.rows, group.frames
                ));
            }
            let Some(end) = group.offset.checked_add(group.bytes).filter(|end| *end < self.bytes) else {
                return Some(format!("{file}, row group {index} ends past the file's {} bytes", self.bytes));
            };
            expected = end;
        }
        None
    }
}

/// Name of the shard file with this number.
#[must_use]
pub fn shard_file(index: usize) -> String {
    format!("part-{index:05}.parquet")
}

/// Puts a shard in its place. Safe to repeat: the same bytes may be there already. What an interrupted run with other
/// settings left behind is replaced, as long as no manifest was published.
///
/// # Errors
/// [`Error::AlreadyPublished`] when a published set holds other bytes under this name; [`Error::Store`].
pub async fn publish_shard(store: &Store, file: &str, bytes: Bytes) -> Result<(), Error> {
    match store.put_once(file, bytes.clone()).await? {
        Put::Created => Ok(()),
        Put::AlreadyThere if store.get(file).await? == bytes => Ok(()),
        Put::AlreadyThere if store.exists(MANIFEST).await? => {
            Err(Error::AlreadyPublished { location: store.location().to_owned() })
        }
        Put::AlreadyThere => Ok(store.put(file, bytes).await?),
    }
}

/// blake3, hexadecimal.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// blake3 over the JSON form of what a fingerprint stands for.
fn fingerprint(content: &impl Serialize) -> String {
    checksum(&serde_json::to_vec(content).expect("plain structures with string keys always serialise"))
}

/// Columns as the fingerprint is over them: by the JSON that a program sees which does not know them.
fn canonical(declared: &[Declared]) -> Vec<serde_json::Value> {
    declared.iter().map(Declared::canonical).collect()
}

/// The columns of a set.
pub(crate) fn schema<M: Manifest>(manifest: &M) -> Schema {
    Schema::new(own_columns(manifest), manifest.declared())
}

fn own_columns<M: Manifest>(manifest: &M) -> Vec<Column> {
    M::Row::columns(manifest.layout())
}

/// Checks a manifest, whatever its kind.
pub(crate) fn check<M: Manifest>(manifest: &M, location: &str) -> Result<(), Error> {
    manifest.check(location)?;
    let shards = manifest.shards().iter().find_map(ShardInfo::contradiction);
    match shards.or_else(|| flaw(&own_columns(manifest), manifest.declared())) {
        Some(reason) => Err(Error::ManifestContent { location: location.to_owned(), reason }),
        None => Ok(()),
    }
}

/// Reads and checks the manifest in a folder.
pub(crate) async fn load<M: Manifest>(store: &Store) -> Result<M, Error> {
    let expected = M::KIND;
    let location = || store.location().to_owned();
    let bytes = match store.get(MANIFEST).await {
        Err(error) if error.is_not_found() => return Err(Error::NoManifest { location: location() }),
        other => other?,
    };
    let syntax = |reason: String| Error::ManifestSyntax { location: location(), reason };
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| syntax(e.to_string()))?;
    let kind = match (value["kind"].as_str(), value["xxh3"].as_str()) {
        (Some(kind), _) => kind,
        // The manifest of a checkpoint has the same name.
        (None, Some(_)) => "a checkpoint",
        (None, None) => return Err(syntax("`kind` is missing".to_owned())),
    };
    if kind != expected.to_string() {
        return Err(Error::WrongKind { location: location(), expected, found: kind.to_owned() });
    }
    let version =
        value["schema_version"].as_u64().ok_or_else(|| syntax("`schema_version` is missing".to_owned()))?;
    if version != u64::from(SCHEMA_VERSION) {
        return Err(Error::WrongSchemaVersion { location: location(), found: version });
    }
    let manifest: M = serde_json::from_value(value).map_err(|e| syntax(e.to_string()))?;
    check(&manifest, store.location())?;
    let (expected, found) = (manifest.compute_fingerprint(), manifest.fingerprint().to_owned());
    if found != expected {
        return Err(Error::Fingerprint { location: location(), expected, found });
    }
    Ok(manifest)
}

async fn publish<T: Serialize>(store: &Store, manifest: &T) -> Result<(), Error> {
    let mut json =
        serde_json::to_vec_pretty(manifest).expect("plain structures with string keys always serialise");
    json.push(b'\n');
    let bytes = Bytes::from(json);
    match store.put_once(MANIFEST, bytes.clone()).await? {
        Put::Created => Ok(()),
        Put::AlreadyThere if store.get(MANIFEST).await? == bytes => Ok(()),
        Put::AlreadyThere => Err(Error::AlreadyPublished { location: store.location().to_owned() }),
    }
}
