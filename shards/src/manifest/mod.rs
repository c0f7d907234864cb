//! The contents of a set. The manifest is published last: if it exists, every object that it names exists.

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

/// Version of manifest and columns together; raised with every change after which earlier sets can no longer be read.
pub const SCHEMA_VERSION: u32 = 2;

/// Name of the object that makes a folder a published set.
pub const MANIFEST: &str = "manifest.json";

/// The kind of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Frames, and alignments of annotated utterances.
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
    /// The typed view of the columns common to every set of this kind.
    type Row: View;

    /// Which kind.
    const KIND: Kind;

    /// Returns the layout of every row.
    fn layout(&self) -> <Self::Row as View>::Layout;

    /// Shard files, in order.
    fn shards(&self) -> &[ShardInfo];

    /// Returns the columns of this set in addition to those of its kind.
    fn declared(&self) -> &[Declared];

    /// Returns the stored fingerprint.
    fn fingerprint(&self) -> &str;

    /// Computes the fingerprint of the contents.
    fn compute_fingerprint(&self) -> String;

    /// Checks the rules specific to this kind.
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
    /// blake3 of everything after the last row group, hexadecimal: readers never read the whole file, but check every
    /// byte that they read.
    pub footer_checksum: String,
    /// Row groups in file order, contiguous.
    pub row_groups: Vec<RowGroupInfo>,
}

/// One row group: the unit in which workers read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowGroupInfo {
    /// Number of utterances.
    pub rows: u32,
    /// Number of frames in its utterances.
    pub frames: u64,
    /// Offset in the file.
    pub offset: u64,
    /// Length in the file.
    pub bytes: u64,
    /// blake3 of these bytes, hexadecimal.
    pub checksum: String,
}

impl ShardInfo {
    /// Returns the offset after the last byte of the last row group.
    #[must_use]
    pub fn footer_offset(&self) -> u64 {
        self.row_groups.last().map_or(0, |group| group.offset.saturating_add(group.bytes))
    }

    /// Number of frames in all row groups.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.row_groups.iter().map(|group| group.frames).sum()
    }

    /// Number of utterances in all row groups.
    #[must_use]
    pub fn utterances(&self) -> u64 {
        self.row_groups.iter().map(|group| u64::from(group.rows)).sum()
    }

    /// Returns the first contradiction in these numbers.
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

/// Returns the name of the shard file with this number.
#[must_use]
pub fn shard_file(index: usize) -> String {
    format!("part-{index:05}.parquet")
}

/// Stores a shard. Safe to repeat: the same bytes may already be there. Files left by an interrupted run with other
/// settings are replaced, as long as no manifest is published.
///
/// # Errors
/// [`Error::AlreadyPublished`] if a published set has different bytes under this name; [`Error::Store`].
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

/// Returns the blake3 hash of the JSON form of the fingerprinted contents.
fn fingerprint(content: &impl Serialize) -> String {
    checksum(
        &serde_json::to_vec(content).expect("plain structures with string keys can always be serialised"),
    )
}

/// Columns in the form that is fingerprinted: JSON, as seen by a program that does not know them.
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

/// Checks a manifest of any kind.
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
        // A checkpoint's manifest has the same name.
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
    let mut json = serde_json::to_vec_pretty(manifest)
        .expect("plain structures with string keys can always be serialised");
    json.push(b'\n');
    let bytes = Bytes::from(json);
    match store.put_once(MANIFEST, bytes.clone()).await? {
        Put::Created => Ok(()),
        Put::AlreadyThere if store.get(MANIFEST).await? == bytes => Ok(()),
        Put::AlreadyThere => Err(Error::AlreadyPublished { location: store.location().to_owned() }),
    }
}
