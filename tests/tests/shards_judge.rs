//! Other people's readers are the judges of our shards: pyarrow and DuckDB must find in them what we wrote.
//!
//! `cargo xtask test` names a Python that has both in `STENTOR_PYTHON`.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use stentor_experiment::Features;
use stentor_inventory::{Inventory, Senone, SenoneId};
use stentor_shards::{
    Codec, Column, Element, Extent, FeatureManifest, FeatureRow, FeatureSetOptions, FeatureWriter,
    LabelLayout, LabelManifest, LabelRow, Linear, Span, encode_label_shard, f16, publish_shard, shard_file,
};
use stentor_store::Store;

const FRAMES: [usize; 5] = [3, 1, 40, 7, 20];
const TOP_K: usize = 4;
const SENONES: usize = 300;

/// Prints all rows of a set, as JSON: once as pyarrow reads them, once as DuckDB does.
const READER: &str = r#"
import glob, json, struct, sys
import pyarrow.parquet as parquet
import duckdb

folder, columns = sys.argv[1], sys.argv[2].split(",")
# DuckDB 2.0 does not know byte-stream-split halves: it reads everything but the features.
duck_columns = [c for c in columns if c != "features"]

def plain(value):
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, float):
        # The bits of the half, for not every reader of JSON rounds decimals alike; -1 if it is no half at all.
        half = struct.pack("<e", value)
        return int.from_bytes(half, "little") if struct.unpack("<e", half)[0] == value else -1
    return value

files = sorted(glob.glob(folder + "/part-*.parquet"))
by_arrow = [[plain(row[c]) for c in columns] for f in files for row in parquet.read_table(f).to_pylist()]
quoted = ", ".join('"' + c + '"' for c in duck_columns)
by_duck = []
for f in files:
    rows = duckdb.sql(f"select {quoted} from read_parquet('{f}')").fetchall()
    by_duck += [[plain(v) for v in row] for row in rows]
schema = {f.name: str(f.type) for f in parquet.read_schema(files[0])}
created_by = parquet.read_metadata(files[0]).created_by
print(json.dumps({"arrow": by_arrow, "duck": by_duck, "schema": schema, "created_by": created_by}))
"#;

fn read_by_others(folder: &Path, columns: &[&str]) -> Value {
    let python = std::env::var("STENTOR_PYTHON")
        .expect("STENTOR_PYTHON names a Python with pyarrow and duckdb; `cargo xtask test` sets it");
    let output = Command::new(python)
        .args(["-c", READER])
        .arg(folder)
        .arg(columns.join(","))
        .output()
        .expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the reader prints JSON")
}

fn senones() -> Inventory {
    let senone = |i: usize| Senone {
        name: i.to_string(),
        phone: (i / 3).to_string(),
        silence: i < 3,
        state: (i % 3) as u8,
    };
    Inventory::new((0..SENONES).map(senone).collect()).unwrap()
}

/// Halves of every size and both signs, the smallest and the largest among them.
fn feature_row(index: usize, frames: usize, dimension: usize) -> FeatureRow {
    let value = |i: usize| {
        let half = f16::from_bits((i * 977 + index * 31) as u16);
        if half.is_finite() { half } else { f16::MAX }
    };
    let annotated = index != 1;
    FeatureRow {
        utterance: format!("Überschrift {index}"),
        speaker: format!("s{index}"),
        group: "g".to_owned(),
        features: (0..frames * dimension).map(value).collect(),
        alignment: annotated.then(|| SenoneId::list((0..frames).map(|t| ((t * 7 + index) % SENONES) as u16))),
        text: annotated.then(|| format!("what “{index}” says\n")),
    }
}

fn label_row(index: usize, frames: usize) -> LabelRow {
    LabelRow {
        utterance: format!("Überschrift {index}"),
        ids: SenoneId::list((0..frames * TOP_K).map(|i| ((i * 61 + index) % SENONES) as u16)),
        log_probs: (0..frames).flat_map(|t| [0, -(t as i16), -5000, i16::MIN]).collect(),
        residual: (0..frames).map(|t| u16::MAX - t as u16).collect(),
    }
}

async fn write_features(store: &Store, settings: Features) -> FeatureManifest {
    let dimension = settings.dimension();
    let options = FeatureSetOptions {
        row_group_frames: 10,
        shard_frames: 40,
        ..FeatureSetOptions::new(settings, senones(), 8000.0)
    };
    let mut writer = FeatureWriter::new(store.clone(), options).unwrap();
    for (index, frames) in FRAMES.into_iter().enumerate() {
        writer.push(feature_row(index, frames, dimension)).await.unwrap();
    }
    writer.finish(None, BTreeMap::new()).await.unwrap()
}

#[tokio::test]
async fn pyarrow_and_duckdb_read_features() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_str().unwrap()).unwrap();
    let settings = Features::default();
    let dimension = settings.dimension();
    let manifest = write_features(&store, settings).await;
    assert_eq!(manifest.shards.len(), 2, "more than one file");

    let columns = ["utterance", "speaker", "group", "frames", "features", "alignment", "text"];
    let read = read_by_others(folder.path(), &columns);
    let expected: Vec<Value> = FRAMES
        .into_iter()
        .enumerate()
        .map(|(index, frames)| {
            let row = feature_row(index, frames, dimension);
            let features: Vec<u16> = row.features.iter().map(|half| half.to_bits()).collect();
            let alignment = row.alignment.as_deref().map(SenoneId::column);
            json!([row.utterance, row.speaker, row.group, frames, features, alignment, row.text])
        })
        .collect();
    for judge in ["arrow", "duck"] {
        assert_eq!(read[judge].as_array().map(Vec::len), Some(FRAMES.len()), "{judge}");
        for (row, expected) in expected.iter().enumerate() {
            let mut expected = expected.clone();
            if let Some(values) = expected.as_array_mut().filter(|_| judge == "duck") {
                values.remove(4);
            }
            assert!(read[judge][row] == expected, "{judge} reads another row {row}");
        }
    }
    let types = ["string", "string", "string", "uint32", "halffloat", "uint16", "string"];
    for (column, expected) in columns.iter().zip(types) {
        let found = read["schema"][column].as_str().unwrap_or_default();
        assert!(found.contains(expected), "{column} is {found}, expected {expected}");
    }
    assert_eq!(read["created_by"], "stentor-shards version 2");
}

#[tokio::test]
async fn pyarrow_and_duckdb_read_labels() {
    let folder = tempfile::tempdir().unwrap();
    let features = write_features(&Store::in_memory(), Features::default()).await;
    let store = Store::open(folder.path().to_str().unwrap()).unwrap();
    let mut utterances = FRAMES.into_iter().enumerate();
    let mut infos = Vec::new();
    for (index, shard) in features.shards.iter().enumerate() {
        let mut groups = Vec::new();
        for group in &shard.row_groups {
            let rows = utterances.by_ref().take(group.rows as usize);
            groups.push(rows.map(|(index, frames)| label_row(index, frames)).collect());
        }
        let layout = LabelLayout { top_k: TOP_K, senones: SENONES };
        let (bytes, info) = encode_label_shard(&shard_file(index), &groups, layout).unwrap();
        publish_shard(&store, &info.file, bytes).await.unwrap();
        infos.push(info);
    }
    let manifest = LabelManifest::new("teacher".to_owned(), &features, TOP_K, senones(), infos).unwrap();
    manifest.publish(&store).await.unwrap();

    let columns = ["utterance", "frames", "ids", "log_probs", "residual"];
    let read = read_by_others(folder.path(), &columns);
    let expected: Vec<Value> = FRAMES
        .into_iter()
        .enumerate()
        .map(|(index, frames)| {
            let row = label_row(index, frames);
            json!([row.utterance, frames, SenoneId::column(&row.ids), row.log_probs, row.residual])
        })
        .collect();
    assert_eq!(read["arrow"], json!(expected));
    assert_eq!(read["duck"], json!(expected));
    for (column, expected) in columns.iter().zip(["string", "uint32", "uint16", "int16", "uint16"]) {
        let found = read["schema"][column].as_str().unwrap_or_default();
        assert!(found.contains(expected), "{column} is {found}, expected {expected}");
    }
}

#[tokio::test]
async fn pyarrow_and_duckdb_read_declared_columns() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_str().unwrap()).unwrap();
    let settings = Features { mel_bins: 8, stack: 1, ..Features::default() };
    let dimension = settings.dimension();
    let codec = Codec::Linear(Linear { low: 0.0, high: 1.0 });
    let tags = Column::new("tags", Extent::PerClip { values: 3 }, Element::U8, codec).optional();
    let options = FeatureSetOptions {
        columns: vec![Column::phones(), tags],
        ..FeatureSetOptions::new(settings, senones(), 8000.0)
    };
    let mut writer = FeatureWriter::new(store, options).unwrap();
    let tags = |index: usize| (index != 2).then(|| vec![index as u8, 0, 255]);
    for (index, frames) in FRAMES.into_iter().enumerate() {
        let span = |i: usize| Span { text: format!("ä{i}"), start_ms: 10 * i as u32, duration_ms: 10 };
        let phones: Vec<Span> = (0..index).map(span).collect();
        let further = tags(index).map(|tags| ("tags", tags.into()));
        let further = further.into_iter().chain([(Column::PHONES, phones.into())]);
        writer.push_with(feature_row(index, frames, dimension), further).await.unwrap();
    }
    writer.finish(None, BTreeMap::new()).await.unwrap();

    let read =
        read_by_others(folder.path(), &["utterance", "phones", "phones.start", "phones.duration", "tags"]);
    let expected: Vec<Value> = (0..FRAMES.len())
        .map(|index| {
            let texts: Vec<String> = (0..index).map(|i| format!("ä{i}")).collect();
            let starts: Vec<usize> = (0..index).map(|i| 10 * i).collect();
            json!([format!("Überschrift {index}"), texts, starts, vec![10; index], tags(index)])
        })
        .collect();
    assert_eq!(read["arrow"], json!(expected));
    assert_eq!(read["duck"], json!(expected));
}
