//! Sets with other senones than those that they were made from.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bytes::Bytes;
use common::*;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use stentor_inventory::{Inventory, Senone, SenoneId};
use stentor_shards::{
    Column, Error, FeatureRow, FeatureSet, FeatureSetOptions, FeatureWriter, Row, RowError, Senones, Span,
    TREE,
};
use stentor_store::Store;

const FILE: &[u8] = b"a tree";

fn tied(count: usize) -> Senones {
    let senone =
        |i: usize| Senone { name: format!("A.0.{i}"), phone: "A".to_owned(), silence: false, state: 0 };
    let inventory = Inventory::of_tree((0..count).map(senone).collect(), "ab".repeat(32)).unwrap();
    Senones { inventory, tree: Some(Bytes::from_static(FILE)) }
}

fn notes() -> BTreeMap<String, String> {
    BTreeMap::from([("tied".to_owned(), "yes".to_owned())])
}

fn store(folder: &Path, name: &str) -> Store {
    Store::open(folder.join(name).to_str().unwrap()).unwrap()
}

fn unaligned(index: usize, frames: usize) -> FeatureRow {
    FeatureRow { alignment: None, text: None, ..feature_row(index, frames) }
}

/// Utterances of [`LENGTHS`], in the order of their numbers.
async fn write(to: &Store, options: FeatureSetOptions, row: fn(usize, usize) -> FeatureRow) -> FeatureSet {
    let has_phones = !options.columns.is_empty();
    let mut writer = FeatureWriter::new(to.clone(), options).unwrap();
    for (index, frames) in LENGTHS.into_iter().enumerate() {
        let further = has_phones.then(|| (Column::PHONES, said(index).into()));
        writer.push_with(row(index, frames), further).await.unwrap();
    }
    writer.finish(Some(normalisation()), BTreeMap::new()).await.unwrap();
    FeatureSet::open(to).await.unwrap()
}

fn said(index: usize) -> Vec<Span> {
    let span = |i: u32| Span { text: format!("P{i}"), start_ms: 10 * i, duration_ms: 10 };
    (0..index as u32).map(span).collect()
}

async fn rows(set: &FeatureSet) -> Vec<(FeatureRow, Row)> {
    let further: &[&str] = if set.has(Column::PHONES) { &[Column::PHONES] } else { &[] };
    let mut rows = Vec::new();
    for (shard, info) in set.manifest().shards.iter().enumerate() {
        for row_group in 0..info.row_groups.len() {
            rows.extend(set.read_with(shard, row_group, further).await.unwrap());
        }
    }
    rows
}

/// Files of both folders are the same, and verify.
async fn check_same_files(folder: &Path, set: &FeatureSet, other: &FeatureSet) {
    assert_eq!(set.manifest().shards, other.manifest().shards);
    for (index, shard) in set.manifest().shards.iter().enumerate() {
        let inode = |name: &str| std::fs::metadata(folder.join(name).join(&shard.file)).unwrap().ino();
        assert_eq!(inode("from"), inode("to"));
        assert!(other.verify(index).await.unwrap().is_empty());
    }
}

#[test]
fn a_set_without_alignments_gets_other_senones_and_keeps_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (store(folder.path(), "from"), store(folder.path(), "to"));
    block_on(async {
        let set = write(&from, options(), unaligned).await;
        let made = set.republish_unaligned(&to, tied(9), notes()).await.unwrap();
        let other = FeatureSet::open(&to).await.unwrap();
        assert_eq!(other.manifest(), &made);
        check_same_files(folder.path(), &set, &other).await;
        assert_eq!((made.senones.len(), made.senones.tree()), (9, tied(9).inventory.tree()));
        assert_eq!(other.tree().await.unwrap().as_deref(), Some(FILE));
        assert_eq!(set.tree().await.unwrap(), None);
        assert_ne!(made.fingerprint, set.manifest().fingerprint);
        assert_eq!((made.notes["tied"].as_str(), &made.normalisation), ("yes", &Some(normalisation())));
        // The same again changes nothing; other senones are refused.
        assert_eq!(set.republish_unaligned(&to, tied(9), notes()).await.unwrap(), made);
        let refused = set.republish_unaligned(&to, tied(8), notes()).await.unwrap_err();
        assert_error!(refused, Error::AlreadyPublished { .. }, []);
        // On a store without links its files are copied.
        let far = Store::in_memory();
        assert_eq!(set.republish_unaligned(&far, tied(9), notes()).await.unwrap(), made);
        assert_eq!(rows(&FeatureSet::open(&far).await.unwrap()).await, rows(&set).await);
    });
}

#[test]
fn a_shard_that_was_damaged_is_not_copied() {
    let (from, to) = (Store::in_memory(), Store::in_memory());
    block_on(async {
        let set = write(&from, options(), unaligned).await;
        let whole = from.get("part-00000.parquet").await.unwrap();
        from.put("part-00000.parquet", whole.slice(1..)).await.unwrap();
        let short = set.republish_unaligned(&to, tied(9), notes()).await.unwrap_err();
        assert_error!(short, Error::ShardSize { .. }, ["part-00000.parquet"]);
        let mut flipped = whole.to_vec();
        flipped[10] ^= 1;
        from.put("part-00000.parquet", flipped.into()).await.unwrap();
        let damaged = set.republish_unaligned(&to, tied(9), notes()).await.unwrap_err();
        assert_error!(damaged, Error::Checksum { .. }, ["part-00000.parquet"]);
        assert!(FeatureSet::open(&to).await.is_err());
    });
}

#[test]
fn an_aligned_set_gets_other_alignments_and_keeps_everything_else() {
    let (from, to) = (Store::in_memory(), Store::in_memory());
    block_on(async {
        let options = FeatureSetOptions { columns: vec![Column::phones()], ..options() };
        let set = write(&from, options, feature_row).await;
        let align = |row: &FeatureRow, further: &Row| -> Result<_, Error> {
            let phones: &[Span] = further.column(Column::PHONES)?;
            let senone = SenoneId::new(phones.len() as u16);
            Ok(Some(vec![senone; row.alignment.as_ref().map_or(0, Vec::len)]))
        };
        let made = set.republish(&to, tied(9), notes(), align).await.unwrap();
        let other = FeatureSet::open(&to).await.unwrap();
        assert_eq!(
            (other.tree().await.unwrap().as_deref(), made.notes["tied"].as_str()),
            (Some(FILE), "yes")
        );
        let groups = |set: &FeatureSet| -> Vec<Vec<(u32, u64)>> {
            let of = |shard: &stentor_shards::ShardInfo| {
                shard.row_groups.iter().map(|group| (group.rows, group.frames)).collect()
            };
            set.manifest().shards.iter().map(of).collect()
        };
        assert_eq!(groups(&set), groups(&other), "batches are made of row groups");
        for (index, ((old, phones), (new, same))) in
            rows(&set).await.into_iter().zip(rows(&other).await).enumerate()
        {
            let expected = old.alignment.as_ref().map(|old| vec![SenoneId::new(index as u16); old.len()]);
            assert_eq!(new, FeatureRow { alignment: expected, ..old });
            assert_eq!(phones, same);
        }
    });
}

#[test]
fn an_utterance_may_be_left_out() {
    let (from, to) = (Store::in_memory(), Store::in_memory());
    block_on(async {
        let set = write(&from, options(), feature_row).await;
        let without = |row: &FeatureRow, _: &Row| -> Result<_, Error> {
            Ok(row.alignment.clone().filter(|_| row.utterance != "utterance-4"))
        };
        let made = set.republish(&to, tied(9), notes(), without).await.unwrap();
        assert_eq!(made.utterances() + 1, set.manifest().utterances());
        let names = |rows: Vec<(FeatureRow, Row)>| -> Vec<String> {
            rows.into_iter().map(|(row, _)| row.utterance).filter(|name| name != "utterance-4").collect()
        };
        let other = FeatureSet::open(&to).await.unwrap();
        assert_eq!(names(rows(&other).await), names(rows(&set).await));
    });
}

#[test]
fn an_utterance_that_cannot_be_aligned_leaves_no_set() {
    let (from, to) = (Store::in_memory(), Store::in_memory());
    block_on(async {
        let set = write(&from, options(), feature_row).await;
        let refuse = |row: &FeatureRow, _: &Row| match row.utterance.as_str() {
            "utterance-4" => Err(Error::from(RowError::EmptyUtterance { utterance: row.utterance.clone() })),
            _ => Ok(row.alignment.clone()),
        };
        let error = set.republish(&to, tied(9), notes(), refuse).await.unwrap_err();
        assert_error!(error, Error::NewRow(RowError::EmptyUtterance { .. }), ["utterance-4"]);
        let too_high = |row: &FeatureRow, _: &Row| -> Result<_, Error> {
            Ok(Some(vec![SenoneId::new(9); row.alignment.as_ref().map_or(0, Vec::len)]))
        };
        let error = set.republish(&to, tied(9), notes(), too_high).await.unwrap_err();
        assert_error!(error, Error::NewRow(RowError::SenoneOutOfRange { senones: 9, .. }), ["utterance-0"]);
        assert!(FeatureSet::open(&to).await.is_err());
    });
}

#[test]
fn whether_any_utterance_is_aligned_is_known_without_reading_it() {
    block_on(async {
        let one_frame = |index: usize, _: usize| feature_row(index, 1);
        let one_frame_unaligned = |index: usize, _: usize| unaligned(index, 1);
        let only_last = |index: usize, frames: usize| match index {
            6 => feature_row(index, frames),
            _ => unaligned(index, frames),
        };
        type MakeRow = fn(usize, usize) -> FeatureRow;
        let rows: [(MakeRow, bool); 5] = [
            (feature_row, true),
            (unaligned, false),
            (one_frame, true),
            (one_frame_unaligned, false),
            (only_last, true),
        ];
        for (number, (row, expected)) in rows.into_iter().enumerate() {
            let set = write(&Store::in_memory(), options(), row).await;
            assert_eq!(set.has_alignments().await.unwrap(), expected, "{number}");
        }
    });
}

#[test]
fn a_tree_belongs_to_its_senones_and_its_damage_is_noticed() {
    let to = Store::in_memory();
    block_on(async {
        let with = |senones: Inventory, tree: Option<Bytes>| {
            FeatureWriter::new(Store::in_memory(), FeatureSetOptions { senones, tree, ..options() }).err()
        };
        let Senones { inventory, tree } = tied(6);
        let lacks = with(inventory.clone(), None).unwrap();
        assert_error!(lacks, Error::ManifestContent { .. }, ["abab", "the set has no tree"]);
        let strange = with(senones(), tree.clone()).unwrap();
        assert_error!(strange, Error::ManifestContent { .. }, ["senones.tree", "are of none"]);

        let set = write(&to, FeatureSetOptions { senones: inventory, tree, ..options() }, feature_row).await;
        assert_eq!(set.tree().await.unwrap().as_deref(), Some(FILE));
        to.put(TREE, Bytes::from_static(b"A tree")).await.unwrap();
        assert_error!(set.tree().await.unwrap_err(), Error::Checksum { .. }, ["senones.tree"]);
        to.put(TREE, Bytes::from_static(b"tree")).await.unwrap();
        assert_error!(set.tree().await.unwrap_err(), Error::ShardSize { .. }, ["senones.tree"]);
        to.delete(TREE).await.unwrap();
        assert!(set.tree().await.unwrap_err().is_missing());
    });
}
