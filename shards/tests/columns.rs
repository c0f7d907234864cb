//! Columns in addition to those of a set's kind: each is one declaration in the manifest.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bytes::Bytes;
use common::*;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use stentor_shards::{
    Codec, Column, Declared, Element, Error, Extent, FeatureManifest, FeatureSet, FeatureSetOptions,
    FeatureWriter, LabelManifest, LabelRow, LabelSet, Linear, Manifest as _, Row, RowError, Span, Values,
    View, decode_shard, encode_shard, f16, publish_shard, shard_file,
};
use stentor_store::Store;

/// A kind of target that this crate does not know: five tags per clip, as probabilities.
fn tags() -> Column {
    let scale = Linear { low: 0.0, high: 1.0 };
    Column::new("tags", Extent::PerClip { values: 5 }, Element::U8, Codec::Linear(scale))
}

fn said(index: usize) -> Vec<Span> {
    let span = |i: usize| Span { text: format!("P{i}"), start_ms: 30 * i as u32, duration_ms: 30 };
    (0..index).map(span).collect()
}

fn tags_of(index: usize) -> Vec<u8> {
    vec![index as u8; 5]
}

fn writer(store: &Store, columns: Vec<Column>) -> Result<FeatureWriter, Error> {
    FeatureWriter::new(store.clone(), FeatureSetOptions { columns, ..options() })
}

/// A set with phones and tags.
async fn tagged() -> Store {
    let store = Store::in_memory();
    let mut writer = writer(&store, vec![Column::phones(), tags()]).unwrap();
    for (index, frames) in LENGTHS.into_iter().enumerate() {
        let further = [("tags", tags_of(index).into()), (Column::PHONES, said(index).into())];
        writer.push_with(feature_row(index, frames), further).await.unwrap();
    }
    writer.finish(None, BTreeMap::new()).await.unwrap();
    store
}

/// Opens the set after changing its manifest and recomputing the fingerprint, and returns the error.
async fn redeclared(store: &Store, change: impl FnOnce(&mut Json)) -> Result<FeatureSet, Error> {
    let mut manifest: Json = serde_json::from_slice(&store.get("manifest.json").await.unwrap()).unwrap();
    change(&mut manifest["columns"]);
    if let Ok(read) = serde_json::from_value::<FeatureManifest>(manifest.clone()) {
        manifest["fingerprint"] = json!(read.compute_fingerprint());
    }
    store.put("manifest.json", Bytes::from(manifest.to_string())).await.unwrap();
    FeatureSet::open(store).await
}

#[tokio::test]
async fn a_new_kind_of_target_is_declared_written_and_read_by_name_beside_the_features() {
    let set = FeatureSet::open(&tagged().await).await.unwrap();
    assert!(set.has("tags") && set.has(Column::PHONES) && !set.has("words"));
    // A reader that only needs features is not affected.
    assert_eq!(set.read(0, 0).await.unwrap(), [feature_row(0, 2), feature_row(1, 4)]);
    let rows = set.read_with(0, 0, &["tags", Column::PHONES]).await.unwrap();
    for (index, (features, further)) in rows.into_iter().enumerate() {
        assert_eq!(features, feature_row(index, LENGTHS[index]));
        assert_eq!(further.column::<u8>("tags").unwrap(), tags_of(index));
        assert_eq!(further.column::<Span>(Column::PHONES).unwrap(), said(index));
    }
    // Any column can be read alone, including those of the kind.
    let rows = set.rows(1, 0, &["text", "alignment", "tags"]).await.unwrap();
    assert_eq!((rows[0].frames, rows[0].get("alignment")), (1, None));
    assert_eq!(rows[1].column::<String>("text").unwrap(), ["words of 4"]);
    assert_eq!(rows[1].column::<u8>("tags").unwrap(), tags_of(4));
    assert!(set.verify(0).await.unwrap().is_empty() && set.verify(1).await.unwrap().is_empty());
}

#[tokio::test]
async fn declarations_survive_a_round_trip_and_are_part_of_the_fingerprint() {
    let store = tagged().await;
    let text = store.get("manifest.json").await.unwrap();
    let set = FeatureSet::open(&store).await.unwrap();
    assert_eq!(set.manifest().columns, [Declared::Known(Column::phones()), Declared::Known(tags())]);
    assert_eq!(serde_json::to_string_pretty(set.manifest()).unwrap() + "\n", text);
    let changed = String::from_utf8(text.to_vec()).unwrap().replace(r#""high": 1.0"#, r#""high": 2.0"#);
    store.put("manifest.json", Bytes::from(changed)).await.unwrap();
    assert_error!(FeatureSet::open(&store).await.unwrap_err(), Error::Fingerprint { .. }, ["changed"]);
}

#[tokio::test]
async fn labels_can_have_declared_columns_too() {
    let (features, labels) = (Store::in_memory(), Store::in_memory());
    let features = write_features(&features).await;
    let inner = Column::new("layer3", Extent::PerFrame { values: 2 }, Element::F16, Codec::Split);
    let mut columns = LabelRow::columns(LABELS);
    columns.push(inner.clone());
    let row = |index: usize| {
        let frames = LENGTHS[index];
        label_row(index, frames).into_row(LABELS).with("layer3", vec![f16::ONE; 2 * frames])
    };
    let (mut index, mut infos) = (0, Vec::new());
    for (number, shard) in features.shards.iter().enumerate() {
        let mut groups = Vec::new();
        for group in &shard.row_groups {
            groups.push((index..index + group.rows as usize).map(row).collect::<Vec<Row>>());
            index += group.rows as usize;
        }
        let (bytes, info) = encode_shard(&shard_file(number), &groups, &columns).unwrap();
        publish_shard(&labels, &info.file, bytes).await.unwrap();
        infos.push(info);
    }
    let manifest = LabelManifest::new("t".into(), &features, TOP_K, senones(), infos).unwrap();
    let plain = manifest.fingerprint.clone();
    let manifest = manifest.with_columns(vec![inner]).unwrap();
    assert_ne!(manifest.fingerprint, plain);
    manifest.publish(&labels).await.unwrap();

    let set = LabelSet::open(&labels).await.unwrap();
    let rows = set.read_with(0, 1, &["layer3"]).await.unwrap();
    assert_eq!(rows[0].0, label_row(2, 6));
    assert_eq!(rows[0].1.column::<f16>("layer3").unwrap(), [f16::ONE; 12]);
}

#[tokio::test]
async fn a_column_that_the_set_lacks_or_that_has_another_type_is_rejected_with_the_columns_that_exist() {
    let set = FeatureSet::open(&tagged().await).await.unwrap();
    let error = set.rows(0, 0, &["words"]).await.unwrap_err();
    assert_error!(error, Error::NoColumn { .. }, ["memory", "`words`", "alignment, text, phones, tags"]);
    let rows = set.rows(0, 0, &["tags"]).await.unwrap();
    let error = rows[0].column::<f16>("tags").unwrap_err();
    assert_error!(error, RowError::RowColumn { .. }, ["utterance-0", "`tags` of f16", "tags: u8"]);
    let error = rows[0].column::<u8>("phones").unwrap_err();
    assert_error!(error, RowError::RowColumn { .. }, ["`phones` of u8"]);
}

#[tokio::test]
async fn rows_that_do_not_match_the_declaration_are_rejected_by_name() {
    let mut writer = writer(&Store::in_memory(), vec![Column::phones(), tags()]).unwrap();
    let row = || feature_row(0, 3);
    let phones = || (Column::PHONES, Values::from(said(2)));
    let refused = writer.push_with(row(), [phones(), ("tags", vec![0u8; 4].into())]).await.unwrap_err();
    assert_error!(
        refused,
        Error::NewRow(RowError::ColumnLength { expected: 5, found: 4, .. }),
        ["`tags`", "5 per clip"]
    );
    let refused = writer.push_with(row(), [phones(), ("tags", vec![0u16; 5].into())]).await.unwrap_err();
    assert_error!(refused, Error::NewRow(RowError::RowColumn { .. }), ["`tags` of u8", "tags: u16"]);
    let refused = writer.push_with(row(), [phones()]).await.unwrap_err();
    assert_error!(refused, Error::NewRow(RowError::RowColumn { .. }), ["`tags` of u8"]);
    let further = [phones(), ("tags", tags_of(0).into()), ("colour", vec![1u8].into())];
    let refused = writer.push_with(row(), further).await.unwrap_err();
    assert_error!(refused, Error::NewRow(RowError::UndeclaredColumn { .. }), ["`colour`"]);
    let mut unordered = said(3);
    unordered.swap(1, 2);
    let further = [(Column::PHONES, unordered.into()), ("tags", tags_of(0).into())];
    let refused = writer.push_with(row(), further).await.unwrap_err();
    assert_error!(refused, Error::NewRow(RowError::SpanOrder { at: 2, .. }), ["`phones`"]);
    writer.push_with(row(), [phones(), ("tags", tags_of(0).into())]).await.unwrap();
}

#[tokio::test]
async fn a_declaration_that_contradicts_itself_or_another_is_refused() {
    let column = |name: &str, extent, element| Column::new(name, extent, element, Codec::Plain);
    let (clip, frame) = (Extent::PerClip { values: 1 }, Extent::PerFrame { values: 1 });
    let bad_scale = Codec::Linear(Linear { low: 1.0, high: 1.0 });
    for (reason, columns) in [
        ("not a valid column name", vec![column("Tags", clip, Element::U8)]),
        ("not a valid column name", vec![column("a.b", clip, Element::U8)]),
        ("declared twice", vec![column("alignment", clip, Element::U8)]),
        ("declared twice", vec![tags(), tags()]),
        ("expected text with times", vec![column("phones", clip, Element::U8)]),
        ("1 to 65536 values, found 0", vec![column("a", Extent::PerFrame { values: 0 }, Element::U8)]),
        ("found 65537", vec![column("a", Extent::PerClip { values: 65_537 }, Element::U8)]),
        ("texts cannot be per frame", vec![column("a", frame, Element::Utf8)]),
        ("must be a sequence", vec![column("a", frame, Element::Span)]),
        ("cannot be split", vec![Column { codec: Codec::Split, ..column("a", clip, Element::Utf8) }]),
        ("is for u8", vec![Column { codec: tags().codec, ..column("a", clip, Element::F32) }]),
        ("scale with low < high", vec![Column { codec: bad_scale, ..tags() }]),
    ] {
        let refused = writer(&Store::in_memory(), columns).err().unwrap();
        assert_error!(refused, Error::ManifestContent { .. }, [reason]);
    }
}

#[tokio::test]
async fn a_column_of_a_newer_version_is_skipped_and_refused_by_name_when_it_is_asked_for() {
    let store = tagged().await;
    // As a newer program would write it: with a different structure, and a field that this program does not know.
    let newer = |columns: &mut Json| {
        columns[1] = json!({ "name": "tags", "version": 2, "element": "u7", "extent": "odd", "new": 0.1 });
    };
    let set = redeclared(&store, newer).await.unwrap();
    assert!(set.has(Column::PHONES) && !set.has("tags"));
    assert_eq!(set.manifest().columns[1].name(), "tags");
    let rows = set.read_with(0, 0, &[Column::PHONES]).await.unwrap();
    assert_eq!(rows[1].1.column::<Span>(Column::PHONES).unwrap(), said(1));
    let error = set.rows(0, 0, &["tags"]).await.unwrap_err();
    assert_error!(
        error,
        Error::NewerColumn { expected: 1, found: 2, .. },
        ["`tags`", "memory", "version 2", "version 1"]
    );
    assert!(set.verify(0).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_malformed_column_of_this_version_is_not_treated_as_newer() {
    let store = tagged().await;
    let refused = redeclared(&store, |columns| columns[1]["element"] = json!("u7")).await.unwrap_err();
    assert_error!(refused, Error::ManifestSyntax { .. }, ["`tags`", "u7"]);
    let refused = redeclared(&tagged().await, |columns| columns[1]["version"] = json!(0)).await.unwrap_err();
    assert_error!(refused, Error::ManifestSyntax { .. }, ["`tags` has no version"]);
}

#[tokio::test]
async fn a_file_with_an_undeclared_column_or_without_a_declared_one_is_rejected() {
    let set =
        redeclared(&tagged().await, |columns| drop(columns.as_array_mut().unwrap().pop())).await.unwrap();
    let error = set.read(0, 0).await.unwrap_err();
    assert_error!(error, Error::Columns { .. }, ["part-00000.parquet", "tags"]);
    let more =
        json!({ "name": "more", "extent": "sequence", "element": "u8", "codec": "plain", "version": 1 });
    let set =
        redeclared(&tagged().await, |columns| columns.as_array_mut().unwrap().push(more)).await.unwrap();
    let error = set.read(0, 0).await.unwrap_err();
    assert_error!(error, Error::Columns { .. }, ["part-00000.parquet", "more"]);
}

#[test]
fn counts_that_differ_from_the_declaration_are_refused_before_the_values_are_decoded() {
    let declared = |extent, element| {
        let mut columns = LabelRow::columns(LABELS);
        columns.push(Column::new("extra", extent, element, Codec::Plain));
        columns
    };
    let row = |values: Values| label_row(0, 2).into_row(LABELS).with("extra", values);
    let five = declared(Extent::PerClip { values: 5 }, Element::U8);
    let (bytes, _) = encode_shard("x.parquet", &[vec![row(vec![1u8; 5].into())]], &five).unwrap();
    // The same Parquet types under other declarations.
    for (extent, says) in [
        (Extent::PerClip { values: 6 }, "5 values, expected 6 to 6"),
        (Extent::PerFrame { values: 3 }, "5 values, expected 6 to 6"),
        (Extent::PerFrame { values: 65_536 }, "5 values, expected 131072"),
    ] {
        let error = decode_shard("x.parquet", &bytes, &declared(extent, Element::U8)).unwrap_err();
        assert_error!(error, Error::Parquet { .. }, ["x.parquet", "column `extra`", says]);
    }
    let (rows, _) = decode_shard("x.parquet", &bytes, &declared(Extent::Sequence, Element::U8)).unwrap();
    assert_eq!(rows[0][0].column::<u8>("extra").unwrap(), [1; 5]);
}

#[test]
fn real_numbers_on_a_scale_are_kept_to_half_a_step() {
    let scale = Linear { low: -2.0, high: 3.1 };
    for i in 0..=1000 {
        let value = -2.0 + 5.1 * i as f32 / 1000.0;
        assert!((scale.value(scale.quantise(value)) - value).abs() <= 0.0101, "{value}");
    }
    assert_eq!((scale.quantise(-9.0), scale.quantise(9.0), scale.quantise(f32::NAN)), (0, 255, 0));
}
