use super::{render, verify};
use std::collections::BTreeMap;
use std::path::Path;
use stentor_checkpoint::{Manifest, Object, TensorFile, deploy, digest, publish};
use stentor_experiment::Features;
use stentor_inventory::Inventory;
use stentor_shards::{FeatureManifest, FeatureRow, FeatureSetOptions, FeatureWriter, f16};
use stentor_store::Store;

fn open(folder: &Path) -> Store {
    Store::open(folder.to_str().unwrap()).unwrap()
}

async fn features(folder: &Path) -> FeatureManifest {
    let settings = Features { mel_bins: 8, stack: 2, ..Features::default() };
    let options = FeatureSetOptions {
        row_group_frames: 3,
        shard_frames: 6,
        ..FeatureSetOptions::new(settings, Inventory::default(), 5512.5)
    };
    let mut writer = FeatureWriter::new(open(folder), options).unwrap();
    for number in 0..4 {
        let row = FeatureRow {
            utterance: format!("u{number}"),
            speaker: "s".into(),
            group: "g".into(),
            features: vec![f16::ONE; 3 * 16],
            alignment: None,
            text: None,
        };
        writer.push(row).await.unwrap();
    }
    writer.finish(None, BTreeMap::new()).await.unwrap()
}

async fn checkpoint(run: &Path) -> String {
    let store = open(run);
    let bytes = TensorFile::default().to_bytes().unwrap();
    let object = |name: &str| Object {
        name: name.into(),
        bytes: bytes.len() as u64,
        digest: digest(&bytes),
        blake3: None,
    };
    let manifest = Manifest {
        name: "000000-0000000012".into(),
        run_id: "r1".into(),
        objects: vec![object("model.safetensors"), object("replicated.safetensors")],
        ..Manifest::default()
    };
    let folder = store.child("checkpoints").child(&manifest.name);
    for object in &manifest.objects {
        folder.put(&object.name, bytes.clone()).await.unwrap();
    }
    publish(&store, &manifest).await.unwrap();
    manifest.name
}

async fn faults(path: &Path) -> Vec<(String, Vec<String>)> {
    let verified = verify(path.to_str().unwrap(), None).await.unwrap();
    let bad: Vec<_> = verified.objects.iter().filter(|object| !object.faults.is_empty()).collect();
    assert_eq!(verified.whole, bad.is_empty());
    bad.into_iter().map(|object| (object.name.clone(), object.faults.clone())).collect()
}

/// Changes the byte of a file at `place`.
fn flip(path: &Path, place: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[place] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn an_intact_set_is_listed_shard_by_shard() {
    let folder = tempfile::tempdir().unwrap();
    features(folder.path()).await;
    assert_eq!(faults(folder.path()).await, []);
    let text = render(&[verify(folder.path().to_str().unwrap(), None).await.unwrap()]);
    assert!(text.contains("2 objects, all whole") && text.contains("2 row groups"), "{text}");
}

#[tokio::test]
async fn every_bad_row_group_of_a_shard_is_named_and_so_is_a_bad_byte_outside_them() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = features(folder.path()).await;
    let [first, second] = &manifest.shards[..] else { panic!("{:?}", manifest.shards) };
    for group in &first.row_groups {
        flip(&folder.path().join(&first.file), (group.offset + 5) as usize);
    }
    // The magic number at the start, which readers skip.
    flip(&folder.path().join(&second.file), 0);
    let found = faults(folder.path()).await;
    assert_eq!(found[0].1.len(), 2);
    assert!(found[0].1[0].contains("row group 0") && found[0].1[1].contains("row group 1"), "{found:?}");
    assert!(found[1].1[0].contains("checksum of the file"), "{found:?}");
}

#[tokio::test]
async fn missing_or_truncated_shards_are_listed_with_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = features(folder.path()).await;
    let [first, second] = &manifest.shards[..] else { panic!("{:?}", manifest.shards) };
    std::fs::remove_file(folder.path().join(&first.file)).unwrap();
    let path = folder.path().join(&second.file);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let found = faults(folder.path()).await;
    assert!(found[0].1[0].contains("does not exist"), "{found:?}");
    assert!(found[1].1[0].contains("truncated"), "{found:?}");
}

#[tokio::test]
async fn a_run_is_its_experiment_events_checkpoints_and_result() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    let name = checkpoint(run).await;
    let store = open(run);
    deploy(&store, &name).await.unwrap();
    let experiment = "[run]\nname = \"r\"\noutput = \"r\"\n[data]\nannotated = \"a\"\n";
    store.put("experiment.toml", experiment.into()).await.unwrap();
    let event = "{\"event\":\"abandoned\",\"checkpoint\":\"c\",\"reason\":\"r\"}\n";
    store.put("events/000001-000000.jsonl", event.into()).await.unwrap();
    assert_eq!(faults(run).await, []);

    // The model with which the run started is part of it.
    let started = format!("{experiment}[model]\nstart = \"other\"\n");
    store.put("experiment.toml", started.into()).await.unwrap();
    let found = faults(run).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0 == "start/manifest.json" && found[0].1[0].contains("copy of `other`"), "{found:?}");

    // Damage an object beside the model, a line of the log, and a key of the experiment.
    flip(&run.join("checkpoints").join(&name).join("replicated.safetensors"), 3);
    store.put("events/000001-000001.jsonl", "{\"event\":\"unheard-of\"}\n".into()).await.unwrap();
    store.put("experiment.toml", "[rum]\n".into()).await.unwrap();
    let found = faults(run).await;
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let replicated = format!("checkpoints/{name}/replicated.safetensors");
    assert_eq!(names, ["experiment.toml", "events/000001-000001.jsonl", &replicated]);
    assert!(found[1].1[0].contains("line 1: expected an event"), "{found:?}");
    assert!(found[2].1[0].contains("expected digest"), "{found:?}");

    // A result that names a checkpoint without a manifest.
    std::fs::remove_file(run.join("checkpoints").join(&name).join("manifest.json")).unwrap();
    let found = faults(run).await;
    assert!(
        found.iter().any(|(name, faults)| name == "final.json" && faults[0].contains("result")),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_checkpoint_alone_and_a_damaged_manifest_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let name = checkpoint(folder.path()).await;
    let place = folder.path().join("checkpoints").join(name);
    assert_eq!(faults(&place).await, []);
    flip(&place.join("manifest.json"), 60);
    let found = faults(&place).await;
    assert!(found[0].0 == "manifest.json" && found[0].1[0].contains("damaged"), "{found:?}");
}

#[tokio::test]
async fn anything_else_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let error = verify(folder.path().to_str().unwrap(), None).await.unwrap_err();
    assert!(error.to_string().contains("does not exist, or is empty"), "{error}");
    features(folder.path()).await;
    let error = verify(folder.path().join("part-00000.parquet").to_str().unwrap(), None).await.unwrap_err();
    assert!(error.to_string().contains("name the folder"), "{error}");
}

#[tokio::test]
async fn a_model_folder_is_checked_part_by_part_and_as_a_whole() {
    let place = crate::export::tests::exported().await;
    let model = place.path("model");
    assert_eq!(faults(&model).await, []);
    flip(&model.join("lm.arpa"), 10);
    std::fs::remove_file(model.join("lexicon.txt")).unwrap();
    let found = faults(&model).await;
    assert_eq!(found[0], ("lexicon.txt".to_owned(), vec!["missing".to_owned()]));
    assert!(found[1].0 == "lm.arpa" && found[1].1[0].starts_with("expected digest"), "{found:?}");
    assert_eq!(found.len(), 2);
    std::fs::create_dir_all(model.join("checkpoints/1")).unwrap();
    std::fs::write(model.join("checkpoints/1/x"), "").unwrap();
    let path = model.to_str().unwrap().to_owned();
    assert!(
        matches!(crate::place::find(&path).await.unwrap(), crate::place::Place::Run(_)),
        "a run is not hidden"
    );
    std::fs::remove_dir_all(model.join("checkpoints")).unwrap();
    flip(&model.join("bundle.json"), 60);
    let found = faults(&model).await;
    assert!(found.len() == 1 && found[0].0 == "bundle.json", "{found:?}");
}
