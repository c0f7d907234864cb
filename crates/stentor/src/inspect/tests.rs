use super::{inspect, render};
use std::collections::BTreeMap;
use std::path::Path;
use stentor_checkpoint::{Manifest, NamedTensor, Object, TensorFile, deploy, digest, publish};
use stentor_experiment::Features;
use stentor_inventory::{Inventory, Senone, SenoneId};
use stentor_shards::{
    Codec, Column, Declared, Element, Extent, FeatureManifest, FeatureRow, FeatureSetOptions, FeatureWriter,
    LabelLayout, LabelManifest, LabelRow, Manifest as _, encode_label_shard, f16, publish_shard,
};
use stentor_store::Store;

fn open(folder: &Path) -> Store {
    Store::open(folder.to_str().unwrap()).unwrap()
}

async fn seen(path: &Path) -> String {
    render(&inspect(path.to_str().unwrap()).await.unwrap())
}

async fn refused(path: &Path) -> String {
    format!("{:#}", inspect(path.to_str().unwrap()).await.unwrap_err())
}

/// Checks that `text` has each of these lines, ignoring the spaces between name and value.
fn assert_lines(text: &str, lines: &[&str]) {
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let found: Vec<String> = text.lines().map(squeezed).collect();
    for line in lines {
        assert!(found.iter().any(|found| found == line), "`{line}` is not in\n{text}");
    }
}

async fn features(folder: &Path) -> FeatureManifest {
    let settings = Features { mel_bins: 8, stack: 2, ..Features::default() };
    let senone = |name: &str, silence| Senone { name: name.into(), phone: name.into(), silence, state: 0 };
    let senones = vec![senone("SIL", true), senone("A", false), senone("B", false)];
    let senones = Inventory::new(senones).unwrap();
    let options =
        FeatureSetOptions { row_group_frames: 3, ..FeatureSetOptions::new(settings, senones, 5512.5) };
    let mut writer = FeatureWriter::new(open(folder), options).unwrap();
    for frames in [2, 3, 4] {
        let row = FeatureRow {
            utterance: format!("u{frames}"),
            speaker: "s".into(),
            group: "g".into(),
            features: vec![f16::ONE; frames * 16],
            alignment: Some(vec![SenoneId::new(1); frames]),
            text: None,
        };
        writer.push(row).await.unwrap();
    }
    writer.finish(None, BTreeMap::from([("corpus".into(), "test".into())])).await.unwrap()
}

async fn checkpoint(run: &Path) -> std::path::PathBuf {
    let store = open(run);
    let tensor = NamedTensor { shape: vec![2, 3], values: vec![0.5; 6] };
    let file =
        TensorFile { tensors: BTreeMap::from([("output.weight".into(), tensor)]), ..TensorFile::default() };
    let bytes = file.to_bytes().unwrap();
    let object = |name: &str| Object {
        name: name.into(),
        bytes: bytes.len() as u64,
        digest: digest(&bytes),
        blake3: None,
    };
    let manifest = Manifest {
        name: "000000-0000000012".into(),
        run_id: "r1".into(),
        round: 12,
        committed_frames: 250,
        total_frames: 1000,
        strategy: "gtc".into(),
        objects: vec![object("model.safetensors"), object("replicated.safetensors")],
        ..Manifest::default()
    };
    let folder = store.child("checkpoints").child(&manifest.name);
    for object in &manifest.objects {
        folder.put(&object.name, bytes.clone()).await.unwrap();
    }
    publish(&store, &manifest).await.unwrap();
    run.join("checkpoints").join(manifest.name)
}

#[tokio::test]
async fn a_feature_set_is_summarised() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = features(folder.path()).await;
    let text = seen(folder.path()).await;
    assert_lines(
        &text,
        &[
            "utterances 3",
            "frames 9 of 20 ms, 0.00 hours",
            "features 8 log-mel bins × 2 = 16 values, not normalised",
            "mel range 20 to 5512.5 Hz; the corpus reaches 5512.5 Hz",
            "senones 3 of 3 phones, 1 of silence",
            &format!("fingerprint {}", manifest.fingerprint),
            "corpus test",
        ],
    );
    assert!(text.contains("1 shard, 2 row groups"), "{text}");
}

#[tokio::test]
async fn declared_columns_are_listed_and_those_of_a_newer_program_are_marked_as_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = features(folder.path()).await;
    let tags = Column::new("tags", Extent::PerClip { values: 5 }, Element::U8, Codec::Plain).optional();
    let newer = serde_json::json!({ "name": "lattice", "version": 2, "extent": "arcs", "element": "f64" });
    let columns = vec![Declared::Known(tags), serde_json::from_value(newer).unwrap()];
    let mut changed = FeatureManifest { columns, ..manifest };
    changed.fingerprint = changed.compute_fingerprint();
    let json = serde_json::to_vec(&changed).unwrap();
    open(folder.path()).put("manifest.json", json.into()).await.unwrap();
    assert_lines(
        &seen(folder.path()).await,
        &[
            "column tags: u8, 5 per clip, optional, version 1",
            "column lattice: version 2, newer than this program: skipped",
        ],
    );
}

#[tokio::test]
async fn json_names_the_kind_and_can_be_parsed() {
    let folder = tempfile::tempdir().unwrap();
    features(folder.path()).await;
    let found = inspect(folder.path().to_str().unwrap()).await.unwrap();
    let json: serde_json::Value = serde_json::to_value(&found).unwrap();
    assert_eq!(
        (&json["kind"], &json["frames"], &json["dimension"]),
        (&"features".into(), &9.into(), &16.into())
    );
}

#[tokio::test]
async fn a_label_set_and_a_single_shard_are_summarised() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = features(&folder.path().join("features")).await;
    let row = |frames: usize| LabelRow {
        utterance: format!("u{frames}"),
        ids: SenoneId::list([1, 0].repeat(frames)),
        log_probs: [-1, -900].repeat(frames),
        residual: vec![0; frames],
    };
    let layout = LabelLayout { top_k: 2, senones: 3 };
    let groups = [vec![row(2), row(3)], vec![row(4)]];
    let (bytes, info) = encode_label_shard("part-00000.parquet", &groups, layout).unwrap();
    let labels = open(&folder.path().join("labels"));
    publish_shard(&labels, &info.file, bytes).await.unwrap();
    let senones = manifest.senones.clone();
    let set = LabelManifest::new("teacher-1".into(), &manifest, 2, senones, vec![info]).unwrap();
    set.publish(&labels).await.unwrap();

    let text = seen(&folder.path().join("labels")).await;
    assert_lines(
        &text,
        &[
            "frames 9",
            "labels the 2 most probable senones of each frame",
            "teacher teacher-1",
            &format!("of features {}", manifest.fingerprint),
        ],
    );
    let shard = seen(&folder.path().join("labels/part-00000.parquet")).await;
    assert_lines(&shard, &["utterances 3", "frames 9 of 2 labels", "row groups 2"]);
    let shard = seen(&folder.path().join("features/part-00000.parquet")).await;
    assert_lines(&shard, &["frames 9 of 16 values"]);
}

#[tokio::test]
async fn a_checkpoint_shows_its_model_and_the_state_of_its_objects() {
    let folder = tempfile::tempdir().unwrap();
    let path = checkpoint(folder.path()).await;
    let text = seen(&path).await;
    assert_lines(
        &text,
        &[
            "run r1, lineage 0, gtc",
            "frames 250 of 1,000 committed, 25.0 %",
            "parameters 6",
            "output.weight 2 × 3",
        ],
    );
    assert_eq!(text.matches("whole").count(), 2, "{text}");

    let other = path.join("replicated.safetensors");
    std::fs::write(&other, "short").unwrap();
    let text = seen(&path).await;
    assert!(text.matches("whole").count() == 1 && text.contains("damaged: 5 bytes"), "{text}");
    std::fs::remove_file(other).unwrap();
    let text = seen(&path).await;
    assert!(text.matches("whole").count() == 1 && text.contains("missing"), "{text}");
}

#[tokio::test]
async fn a_run_lists_its_checkpoints_and_its_result() {
    let folder = tempfile::tempdir().unwrap();
    checkpoint(folder.path()).await;
    let text = seen(folder.path()).await;
    assert_lines(&text, &["state not finished", "checkpoints: 1", "000000-0000000012 published round 12"]);
    deploy(&open(folder.path()), "000000-0000000012").await.unwrap();
    let text = seen(folder.path()).await;
    assert_lines(&text, &["state finished", "000000-0000000012 the run's result round 12"]);
}

#[tokio::test]
async fn anything_else_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert!(refused(&path.join("nowhere")).await.contains("does not exist"));
    std::fs::write(path.join("notes.txt"), "x").unwrap();
    assert!(refused(path).await.contains("is not one of"));
    assert!(
        refused(&path.join("notes.txt"))
            .await
            .contains("expected a shard (.parquet), a tying tree, or a folder")
    );
    std::fs::write(path.join("bad.parquet"), "x").unwrap();
    assert!(refused(&path.join("bad.parquet")).await.contains("does not end like a Parquet file"));
    assert!(refused(path).await.contains("no manifest.json"));
}

#[tokio::test]
async fn a_model_folder_says_where_its_model_is_from_and_what_audio_it_takes() {
    let place = crate::export::tests::exported().await;
    let text = seen(&place.path("model")).await;
    assert_lines(
        &text,
        &[
            "run a run, checkpoint 000001-0000000007",
            "model LSTM, 1 × 8, 24 inputs, 3 senones",
            "audio 16,000 Hz, a frame every 30 ms",
        ],
    );
    for part in ["model.safetensors", "settings.json", "lexicon.txt", "lm.arpa"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}
