//! Data at rest: feature sets and label sets as Parquet shards with a manifest, a row per utterance.
//!
//! A *set* is a folder of a store: `part-00000.parquet`, `part-00001.parquet`, … and `manifest.json`, published last.
//! Beside the shards of a dev or test set lies `phones.json`, the phones of each utterance at the alignment's own resolution.
//! Shards are written once and read a row group at a time. The manifest holds a checksum of every byte that is
//! read, and a fingerprint that tells what was made from what. Other tools read the shards as ordinary Parquet.
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

mod error;
mod file;
mod manifest;
mod phones;
mod rows;
mod sets;
mod writer;

pub use error::{Error, Part};
pub use file::{
    ColumnSummary, ShardSummary, decode_feature_shard, decode_label_shard, encode_feature_shard,
    encode_label_shard, examine_shard,
};
pub use half::f16;
pub use manifest::{
    FeatureManifest, Kind, LabelManifest, MANIFEST, Normalisation, RowGroupInfo, SCHEMA_VERSION, ShardInfo,
    publish_shard, shard_file,
};
pub use phones::{FILE as PHONE_STRINGS, ObjectInfo, PhoneStrings};
pub use rows::{FeatureLayout, FeatureRow, LabelLayout, LabelRow};
pub use sets::{FeatureSet, LabelSet};
pub use writer::{FeatureSetOptions, FeatureWriter};

/// Program and version, as manifests name it.
const CREATED_BY: &str = concat!("stentor ", env!("CARGO_PKG_VERSION"));
