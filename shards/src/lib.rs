//! Stored data: feature sets and label sets as Parquet shards with a manifest, one row per utterance.
//!
//! A *set* is a folder of a store: `part-00000.parquet`, `part-00001.parquet`, … and `manifest.json`, published last.
//! Shards are written once and read by row group. The manifest contains a checksum of every byte that is read, and a
//! fingerprint that identifies the data that a set was made from. Other tools can read the shards as ordinary Parquet.
//!
//! A row is an utterance: its name, its number of frames, and values in typed [`Column`]s. Each kind of set has columns
//! of its own, whose sizes follow from the manifest's `dimension` and `top_k`:
//!
//! | features | type | |
//! |---|---|---|
//! | `utterance`, `speaker`, `group` | string | |
//! | `frames` | uint32 | |
//! | `features` | list of float16 | `[frames × dimension]`, frame after frame, not normalised |
//! | `alignment` | list of uint16, or null | senone of each frame; null where unannotated |
//! | `text` | string, or null | |
//!
//! | labels | type | |
//! |---|---|---|
//! | `utterance` | string | |
//! | `frames` | uint32 | |
//! | `ids` | list of uint16 | `[frames × k]`, most probable first |
//! | `log_probs` | list of int16 | ln p in 1/256 nat, `[frames × k]` |
//! | `residual` | list of uint16 | 1 − Σp in 1/65535, `[frames]` |
//!
//! [`FeatureRow`] and [`LabelRow`] are typed views of these. The manifest declares all other columns of a set under
//! `columns`, each with extent, element, codec and version: a new kind of target is one such declaration.
//!
//! | declared | type | |
//! |---|---|---|
//! | `phones`, `phones.start`, `phones.duration` | lists of string, uint32, uint32 | spoken phones, with times in ms from the start of the utterance |
//! | `words`, `words.start`, `words.duration` | the same | |
//!
//! A column with a newer version than this program knows is skipped. Requesting it is an error that names it. Newer
//! columns use the Parquet types that shards of this schema version may have; others require a new [`SCHEMA_VERSION`].

mod column;
mod derived;
mod error;
mod file;
mod label_job;
mod manifest;
mod object;
mod phones;
mod registry;
mod row;
mod rows;
mod schema;
mod sets;
mod writer;

pub use column::{Codec, Column, Element, Extent, Linear};
pub use derived::Senones;
pub use error::{Error, Part, RowError};
pub use file::{
    ColumnSummary, ShardSummary, decode_feature_shard, decode_label_shard, decode_shard,
    encode_feature_shard, encode_label_shard, encode_shard, examine_shard,
};
pub use half::f16;
pub use label_job::{Claim, LabelJob};
pub use manifest::{
    FeatureManifest, Kind, LabelManifest, MANIFEST, Manifest, Normalisation, RowGroupInfo, SCHEMA_VERSION,
    ShardInfo, publish_shard, shard_file,
};
pub use object::ObjectInfo;
pub use phones::{FILE as PHONE_STRINGS, PhoneStrings};
pub use row::{Row, Span, Value, Values};
pub use rows::{FeatureLayout, FeatureRow, LabelLayout, LabelRow, View};
pub use schema::{Declared, Newer};
pub use sets::{FeatureSet, LabelSet, Set};
pub use writer::{FeatureSetOptions, FeatureWriter};

/// Name of the object that contains the tying tree of a set's senones. Its content is opaque to this crate.
pub const TREE: &str = "senones.tree";

/// Program and version, as stored in manifests.
const CREATED_BY: &str = concat!("stentor ", env!("CARGO_PKG_VERSION"));
