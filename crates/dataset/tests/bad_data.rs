//! All readers skip the same row groups: those whose bytes have changed. A file that cannot be reached is not bad data.
#![allow(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

use std::collections::BTreeMap;
use std::path::Path;
use stentor_dataset::{Dataset, UnitRows};
use stentor_exit::ProgramError;
use stentor_experiment::{Experiment, Features, Source};
use stentor_inventory::{Inventory, Senone, SenoneId};
use stentor_shards::{
    FeatureManifest, FeatureRow, FeatureSetOptions, FeatureWriter, Kind, LabelLayout, LabelManifest,
    LabelRow, Normalisation, RowGroupInfo, encode_label_shard, f16, publish_shard, shard_file,
};
use stentor_store::Store;
use tempfile::TempDir;

const TOP_K: usize = 2;

fn open(folder: &Path) -> Store {
    Store::open(folder.to_str().unwrap()).unwrap()
}

fn settings() -> Features {
    Features { mel_bins: 8, stack: 1, ..Features::default() }
}

/// Ten utterances of three frames, two per row group, two row groups per shard: three shards, five row groups.
async fn write_features(folder: &Path, kind: &str) -> FeatureManifest {
    write_utterances(folder, kind, 10, true).await
}

async fn write_utterances(folder: &Path, kind: &str, utterances: u16, is_aligned: bool) -> FeatureManifest {
    let senone = |i: u8| Senone { name: format!("S{i}"), phone: "P".into(), silence: false, state: i };
    let senones = Inventory::new((0..3).map(senone).collect()).unwrap();
    let options = FeatureSetOptions {
        row_group_frames: 6,
        shard_frames: 12,
        ..FeatureSetOptions::new(settings(), senones, 8000.0)
    };
    let mut writer = FeatureWriter::new(open(folder), options).unwrap();
    for number in 0..utterances {
        let row = FeatureRow {
            utterance: format!("{kind}-{number}"),
            speaker: "s".into(),
            group: "g".into(),
            features: (0..24).map(|i| f16::from_f32(f32::from(number * 24 + i))).collect(),
            alignment: is_aligned.then(|| SenoneId::list([number % 3; 3])),
            text: None,
        };
        writer.push(row).await.unwrap();
    }
    let normalisation = Normalisation { mean: vec![0.0; 8], std: vec![1.0; 8] };
    writer.finish(Some(normalisation), BTreeMap::new()).await.unwrap()
}

async fn write_labels(folder: &Path, features: &FeatureManifest) -> LabelManifest {
    let layout = LabelLayout { top_k: TOP_K, senones: 3 };
    let mut numbers = 0..10;
    let mut infos = Vec::new();
    for (index, shard) in features.shards.iter().enumerate() {
        let row = |number| LabelRow {
            utterance: format!("u-{number}"),
            ids: SenoneId::list([0, 1, 1, 2, 2, 0]),
            log_probs: vec![-10, -900, -20, -800, -30, -700],
            residual: vec![9; 3],
        };
        let groups: Vec<Vec<LabelRow>> = shard
            .row_groups
            .iter()
            .map(|group| numbers.by_ref().take(group.rows as usize).map(row).collect())
            .collect();
        let (bytes, info) = encode_label_shard(&shard_file(index), &groups, layout).unwrap();
        publish_shard(&open(folder), &info.file, bytes).await.unwrap();
        infos.push(info);
    }
    let manifest =
        LabelManifest::new("teacher".into(), features, TOP_K, features.senones.clone(), infos).unwrap();
    manifest.publish(&open(folder)).await.unwrap();
    manifest
}

struct Sets {
    folder: TempDir,
    experiment: Experiment,
    unannotated: FeatureManifest,
    labels: LabelManifest,
}

async fn sets() -> Sets {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_features(&at("annotated"), "a").await;
    let unannotated = write_features(&at("unannotated"), "u").await;
    let labels = write_labels(&at("labels"), &unannotated).await;
    let text = "[run]\nname = \"r\"\noutput = \"r\"\n[data]\nannotated = \"annotated\"\n\
                unannotated = \"unannotated\"\nlabels = \"labels\"\n[features]\nmel_bins = 8\nstack = 1\n";
    let experiment = Experiment::parse(text).unwrap().rebased(folder.path().to_str().unwrap());
    Sets { folder, experiment, unannotated, labels }
}

impl Sets {
    /// Flips a bit in the middle of a row group.
    fn damage(&self, set: &str, file: &str, group: &RowGroupInfo) {
        let path = self.folder.path().join(set).join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[(group.offset + group.bytes / 2) as usize] ^= 0x10;
        std::fs::write(path, bytes).unwrap();
    }

    async fn read(&self) -> UnitRows {
        let dataset = Dataset::open(&self.experiment).await.unwrap();
        dataset.part(Source::MachineLabeled).unwrap().read(0..5).await.unwrap()
    }
}

fn names(rows: &UnitRows) -> Vec<&str> {
    assert_eq!(rows.features.len(), rows.labels.len());
    for (features, labels) in rows.features.iter().zip(&rows.labels) {
        assert_eq!(features.utterance, labels.utterance);
    }
    rows.features.iter().map(|row| row.utterance.as_str()).collect()
}

#[tokio::test]
async fn a_set_without_alignments_or_utterances_is_refused_as_annotated_and_as_dev_set() {
    let sets = sets().await;
    let at = |name: &str| sets.folder.path().join(name);
    write_utterances(&at("withheld"), "w", 10, false).await;
    write_utterances(&at("empty"), "e", 0, true).await;
    let named = |name: &str| Some(at(name).to_str().unwrap().to_owned());
    for (name, found) in [("withheld", "none with an alignment"), ("empty", "no utterances")] {
        let mut annotated = sets.experiment.clone();
        annotated.data.annotated = named(name).unwrap();
        let mut dev = sets.experiment.clone();
        dev.data.dev = named(name);
        for (experiment, key) in [(annotated, "data.annotated"), (dev, "data.dev")] {
            let error = Dataset::open(&experiment).await.unwrap_err();
            assert_eq!(error.id(), "E0303", "{error}");
            let expected = format!("`{key}`: {}: expected utterances with alignments", named(name).unwrap());
            let message = error.to_string();
            assert!(message.starts_with(&expected) && message.contains(found), "{message}");
        }
    }
    let mut other = sets.experiment.clone();
    other.data.dev = named("annotated");
    assert!(Dataset::open(&other).await.is_ok());
}

#[tokio::test]
async fn a_row_group_of_changed_features_or_labels_is_left_out_with_its_counterpart() {
    let sets = sets().await;
    let whole = sets.read().await;
    assert_eq!((names(&whole).len(), whole.bad.len()), (10, 0));

    let second = &sets.unannotated.shards[0];
    sets.damage("unannotated", &second.file, &second.row_groups[1]);
    let third = &sets.labels.shards[1];
    sets.damage("labels", &third.file, &third.row_groups[0]);

    // Every read gives the same rows and reports the same bad row groups.
    let (once, again) = (sets.read().await, sets.read().await);
    assert_eq!(names(&once), ["u-0", "u-1", "u-6", "u-7", "u-8", "u-9"]);
    assert_eq!((names(&once), &once.bad), (names(&again), &again.bad));
    let verdicts: Vec<_> = once.bad.iter().map(|bad| (bad.row_group, bad.kind)).collect();
    assert_eq!(verdicts, [(1, Kind::Features), (2, Kind::Labels)]);
    assert!(once.bad.iter().all(|bad| bad.reason.contains("checksum")), "{:?}", once.bad);

    let dataset = Dataset::open(&sets.experiment).await.unwrap();
    let place = dataset.part(Source::MachineLabeled).unwrap().place(2, Kind::Labels).unwrap();
    assert!(place.file.ends_with("labels/part-00001.parquet"), "{place:?}");
    assert_eq!((place.row_group, place.frames), (0, 6));
}

#[tokio::test]
async fn a_truncated_shard_is_bad_from_its_first_row_group_to_its_last() {
    let sets = sets().await;
    let path = sets.folder.path().join("unannotated/part-00001.parquet");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(path, &bytes[..bytes.len() - 3]).unwrap();
    let rows = sets.read().await;
    assert_eq!(names(&rows), ["u-0", "u-1", "u-2", "u-3", "u-8", "u-9"]);
    assert!(rows.bad.iter().all(|bad| bad.reason.contains("truncated or replaced")), "{:?}", rows.bad);
}

#[tokio::test]
async fn a_missing_file_is_a_transient_error_and_not_bad_data() {
    let sets = sets().await;
    std::fs::remove_file(sets.folder.path().join("unannotated/part-00001.parquet")).unwrap();
    let dataset = Dataset::open(&sets.experiment).await.unwrap();
    let part = dataset.part(Source::MachineLabeled).unwrap();
    let error = part.read(0..5).await.unwrap_err();
    assert!(error.may_pass() && !error.is_unreachable(), "{error}");
    assert!(error.to_string().contains("part-00001.parquet does not exist"), "{error}");
    assert_eq!(part.read(0..2).await.unwrap().features.len(), 4);
}
