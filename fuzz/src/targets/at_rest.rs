use bytes::Bytes;
use futures::executor::block_on;
use std::collections::BTreeMap;
use stentor_checkpoint::{Manifest, ModelDescription, NamedTensor, Object, Proof, TensorFile, Trust};
use stentor_experiment::{Batch, Features, Schedule, Source, Strategy};
use stentor_inventory::{Inventory, Senone, SenoneId};
use stentor_plan::{Catalogue, Plan, Position, RoundSize, RowGroup};
use stentor_runlog::{
    EVENTS, Encoding, Event, Fence, Saved, Timeline, check_log, parse_events, saved_state,
};
use stentor_scores::{Scores, frame_sums};
use stentor_signature::PublicKeys;
use stentor_shards::{
    Codec, Column, Element, Extent, FeatureLayout, FeatureManifest, FeatureRow, FeatureSet, FeatureSetOptions,
    FeatureWriter, LabelLayout, LabelManifest, LabelRow, LabelSet, Normalisation, Row, Span, View,
    decode_feature_shard, decode_label_shard, decode_shard, encode_feature_shard, encode_label_shard,
    encode_shard, examine_shard, f16, publish_shard,
};
use stentor_store::Store;

const DIMENSION: usize = 4;
const FEATURES: FeatureLayout = FeatureLayout { dimension: DIMENSION, senones: 3 };
const LABELS: LabelLayout = LabelLayout { top_k: 2, senones: 3 };

/// A whole Parquet file without a manifest.
pub(crate) fn shard(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let _ = examine_shard("x", &bytes);
    if let Ok((groups, info)) = decode_feature_shard("x", &bytes, FEATURES) {
        assert!(groups.iter().flatten().all(|row| row.check(FEATURES).is_ok()));
        assert_eq!(groups.len(), info.row_groups.len());
    }
    if let Ok((groups, _)) = decode_label_shard("x", &bytes, LABELS) {
        assert!(groups.iter().flatten().all(|row| row.check(LABELS).is_ok()));
    }
    let columns = further_columns();
    if let Ok((groups, _)) = decode_shard("x", &bytes, &columns) {
        assert!(groups.iter().flatten().all(|row| row.check(&columns).is_ok()));
    }
}

/// Those of a label set, and one of each extent beside them.
fn further_columns() -> Vec<Column> {
    let mut columns = LabelRow::columns(LABELS);
    columns.push(Column::phones());
    columns.push(Column::new("tags", Extent::PerClip { values: 2 }, Element::F32, Codec::Split).optional());
    columns.push(Column::new("inner", Extent::PerFrame { values: 2 }, Element::U8, Codec::Split));
    columns
}

fn further_row(number: u16, frames: u16) -> Row {
    let span = |start_ms| Span { text: "A".into(), start_ms, duration_ms: 9 };
    label_row(number, frames)
        .into_row(LABELS)
        .with("phones", (0..u32::from(number)).map(span).collect::<Vec<_>>())
        .with_option("tags", (number % 2 == 0).then(|| vec![0.5f32, -1.0]))
        .with("inner", vec![number as u8; 2 * usize::from(frames)])
}

fn feature_row(number: u16, frames: u16) -> FeatureRow {
    FeatureRow {
        utterance: format!("u{number}"),
        speaker: "s".into(),
        group: "g".into(),
        features: (0..frames * DIMENSION as u16).map(|i| f16::from_f32(f32::from(i))).collect(),
        alignment: (number % 2 == 0).then(|| vec![SenoneId::new(number % 3); frames.into()]),
        text: (number % 2 == 0).then(|| "words".into()),
    }
}

fn label_row(number: u16, frames: u16) -> LabelRow {
    LabelRow {
        utterance: format!("u{number}"),
        ids: SenoneId::list((0..frames).flat_map(|_| [0, 1])),
        log_probs: (0..frames).flat_map(|_| [-9, -900]).collect(),
        residual: vec![9; frames.into()],
    }
}

pub(crate) fn shard_seeds() -> Vec<Vec<u8>> {
    let features = [vec![feature_row(0, 3), feature_row(1, 2)], vec![feature_row(2, 1)]];
    let labels = [vec![label_row(0, 3), label_row(1, 2)], vec![label_row(2, 1)]];
    let (features, _) = encode_feature_shard("x", &features, FEATURES).expect("valid rows");
    let (labels, _) = encode_label_shard("x", &labels, LABELS).expect("valid rows");
    let (one, _) = encode_label_shard("x", &[vec![label_row(0, 1)]], LABELS).expect("valid rows");
    let further = [vec![further_row(0, 3), further_row(1, 2)], vec![further_row(2, 1)]];
    let (further, _) = encode_shard("x", &further, &further_columns()).expect("valid rows");
    vec![features.to_vec(), labels.to_vec(), one.to_vec(), further.to_vec()]
}

/// A manifest of features or labels, read as when a set is opened; the shards do not exist.
pub(crate) fn shard_manifest(data: &[u8]) {
    let store = Store::in_memory();
    block_on(async {
        store.put("manifest.json", Bytes::copy_from_slice(data)).await.expect("a store in memory does not fail");
        if let Ok(set) = FeatureSet::open(&store).await {
            let manifest = set.manifest();
            let _ = (manifest.frames(), manifest.utterances(), manifest.inputs_fingerprint());
            let read = set.read(0, 0).await;
            assert!(read.is_err(), "rows of a shard that is not there: {read:?}");
        }
        if let Ok(set) = LabelSet::open(&store).await {
            let _ = (set.manifest().frames(), set.manifest().utterances());
        }
    });
}

pub(crate) fn shard_manifest_seeds() -> Vec<Vec<u8>> {
    let (features, labels) = (Store::in_memory(), Store::in_memory());
    block_on(async {
        let senone = |i: u8| Senone { name: format!("S{i}"), phone: "P".into(), silence: i == 0, state: i };
        let settings = Features { mel_bins: 2, stack: 2, ..Features::default() };
        let senones = Inventory::new((0..3).map(senone).collect()).expect("names are unique");
        let mut options = FeatureSetOptions::new(settings, senones, 8000.0);
        options.columns = vec![Column::phones(), Column::words().optional()];
        let mut writer = FeatureWriter::new(features.clone(), options).expect("valid options");
        for number in 0..3 {
            let phones = [(Column::PHONES, Vec::<Span>::new().into())];
            writer.push_with(feature_row(number, 3), phones).await.expect("a valid row");
        }
        let normalisation = Normalisation { mean: vec![0.0; DIMENSION], std: vec![1.0; DIMENSION] };
        let manifest: FeatureManifest =
            writer.finish(Some(normalisation), BTreeMap::new()).await.expect("a store in memory does not fail");
        let rows = [(0..3).map(|number| label_row(number, 3)).collect()];
        let (bytes, info) =
            encode_label_shard("part-00000.parquet", &rows, LABELS).expect("valid rows");
        publish_shard(&labels, &info.file, bytes).await.expect("a store in memory does not fail");
        let of_labels = LabelManifest::new("t".into(), &manifest, 2, manifest.senones.clone(), vec![info]);
        of_labels
            .expect("labels of these features")
            .publish(&labels)
            .await
            .expect("a store in memory does not fail");
        let read = async |store: &Store| store.get("manifest.json").await.expect("just written").to_vec();
        vec![read(&features).await, read(&labels).await]
    })
}

const CHECKPOINT: &str = "000001-0000000007";

/// A checkpoint's manifest, read as when a run is resumed.
pub(crate) fn checkpoint(data: &[u8]) {
    let run = Store::in_memory();
    block_on(async {
        let folder = run.child("checkpoints").child(CHECKPOINT);
        folder.put("manifest.json", Bytes::copy_from_slice(data)).await.expect("a store in memory does not fail");
        if let Ok(manifest) = stentor_checkpoint::read_manifest(&run, CHECKPOINT).await {
            assert_eq!(manifest.name, CHECKPOINT);
            let _ = saved_state(&manifest);
        }
        let _ = stentor_checkpoint::newest_valid(&run).await;
        let signed = stentor_checkpoint::read_manifest_with(&run, CHECKPOINT, Proof::Signature(&nobody())).await;
        assert!(signed.is_err(), "nobody has signed it");
        let _ = stentor_checkpoint::folders(&run).await;
    });
}

pub(crate) fn checkpoint_seeds() -> Vec<Vec<u8>> {
    let run = Store::in_memory();
    let model: &[u8] = b"the model";
    let digest = stentor_checkpoint::digest(model);
    let manifest = Manifest {
        name: CHECKPOINT.into(),
        run_id: "r-1".into(),
        lineage: 1,
        round: 7,
        model: ModelDescription { inputs: 4, senones: 3, ..ModelDescription::default() },
        objects: vec![Object { name: "model.safetensors".into(), bytes: model.len() as u64, digest, blake3: None }],
        coordinator: serde_json::json!({ "core": saved(), "tally": {} }),
        ..Manifest::default()
    };
    block_on(async {
        let folder = stentor_checkpoint::checkpoint_store(&run, CHECKPOINT);
        folder
            .put("model.safetensors", Bytes::from_static(model))
            .await
            .expect("a store in memory does not fail");
        stentor_checkpoint::publish(&run, &manifest).await.expect("a store in memory takes all");
        let name = format!("checkpoints/{CHECKPOINT}/manifest.json");
        vec![run.get(&name).await.expect("just written").to_vec()]
    })
}

/// A file of tensors.
pub(crate) fn tensors(data: &[u8]) {
    if let Ok(file) = TensorFile::from_bytes(data) {
        let values: usize = file.tensors.values().map(|tensor| tensor.values.len()).sum();
        assert!(values * 4 <= data.len());
        let again = file.to_bytes().and_then(|bytes| TensorFile::from_bytes(&bytes));
        assert!(again.is_ok_and(|again| again.tensors.len() == file.tensors.len()));
    }
}

pub(crate) fn tensor_seeds() -> Vec<Vec<u8>> {
    let tensor =
        |shape: &[usize]| NamedTensor { shape: shape.to_vec(), values: vec![0.5; shape.iter().product()] };
    let file = TensorFile {
        tensors: BTreeMap::from([("a.weight".into(), tensor(&[2, 3])), ("b".into(), tensor(&[5]))]),
        metadata: BTreeMap::from([("optimizer.steps".into(), "7".into())]),
    };
    [file, TensorFile::default()]
        .iter()
        .map(|file| file.to_bytes().expect("small tensors").to_vec())
        .collect()
}

fn plan() -> Plan {
    let row_groups = (0..6).map(|i| RowGroup { frames: 300 + 40 * i, utterances: 4 }).collect();
    let batch = Batch { chunks: 2, unit_batches: 3, ..Batch::default() };
    Plan::new(Catalogue { row_groups }, None, &batch, &Schedule::default(), 7).expect("a small plan")
}

fn saved() -> Saved {
    let plan = plan();
    let mut position = Position::new(&plan);
    for _ in 0..3 {
        let work = position.assign(&plan, &[0, 1], RoundSize::Batch).expect("work is left");
        position.commit(&plan, &work, &[0].into()).expect("the round just dealt");
    }
    Saved {
        round: 3,
        position,
        suggested_tau: Default::default(),
        suggested_block_tau: None,
        checkpoints: 1,
        best: Some(("c".into(), 50.0)),
        best_by: stentor_scores::FRAME_ERROR,
        stale_evaluations: 0,
        finished: false,
        roster: BTreeMap::from([(0, "a".into()), (1, "b".into())]),
        strategy: Strategy::Gtc,
        quarantined: Vec::new(),
        scaled_residuals: true,
    }
}

/// The state machine's state in a checkpoint: a run must be able to continue from a position that passes its check.
pub(crate) fn state(data: &[u8]) {
    let Ok(saved) = serde_json::from_slice::<Saved>(data) else { return };
    let plan = plan();
    if saved.position.check(&plan).is_err() {
        return;
    }
    let mut position = saved.position;
    for _ in 0..4 {
        let Some(work) = position.assign(&plan, &[0, 1, 2], RoundSize::Block(2)) else { break };
        position.commit(&plan, &work, &[1].into()).expect("the round just dealt");
        position.check(&plan).expect("a position stays valid after a round");
    }
}

pub(crate) fn state_seeds() -> Vec<Vec<u8>> {
    let start = Saved { position: Position::new(&plan()), ..saved() };
    [saved(), start].iter().map(|saved| serde_json::to_vec(saved).expect("plain structures")).collect()
}

/// A reader that trusts no key.
fn nobody() -> Trust {
    Trust::new(PublicKeys::default())
}

/// A segment of an event log, and the only one of a run that may be signed.
pub(crate) fn events(data: &[u8]) {
    let run = Store::in_memory();
    block_on(async {
        let put = run.child(EVENTS).put("000001-000000.jsonl", Bytes::copy_from_slice(data));
        put.await.expect("a store in memory does not fail");
        let segments = check_log(&run, Some(&nobody()), &[]).await.expect("what is wrong is listed");
        assert!(segments.len() == 1 && !segments[0].faults.is_empty(), "nobody has signed it");
    });
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(events) = parse_events("x", text) {
        // Ends, whatever goes back to what.
        let _ = Timeline::of(&events).leases(&events).count();
        for event in events {
            let again = serde_json::to_string(&event).expect("an event that was read");
            assert_eq!(parse_events("x", &again).expect("an event that was written").len(), 1);
        }
    }
}

pub(crate) fn event_seeds() -> Vec<Vec<u8>> {
    let fence = Fence { lineage: 1000, membership_epoch: 1, round: 2 };
    let leases = position_leases();
    let events = [
        Event::Round {
            fence,
            source: Source::Annotated,
            contributors: vec![0, 1],
            shares: vec![leases.len() as u32, 0],
            leases,
            frames: 100,
            committed_frames: 300,
            scores: Scores::of(&frame_sums(100, 250.0, 40)),
            by_source: Vec::new(),
            gradient_norm: 1.0,
            values_sent: 7,
            bytes_up: 99,
            compute_s: 0.5,
            encoding: Encoding::Threshold { tau: 0.5, density: 0.01 },
            at_ms: 12,
        },
        Event::Members { fence, members: BTreeMap::from([(0, "a".into())]), reason: "joined".into() },
        Event::Dev {
            checkpoint: "c".into(),
            committed_frames: 9,
            scores: Scores::of(&frame_sums(4, 4.0, 2)),
        },
        Event::FellBack {
            lineage: 1001,
            round: 1,
            checkpoint: Some("c".into()),
            committed_frames: Some(8),
            reason: "r".into(),
        },
        Event::Abandoned { checkpoint: "c".into(), reason: "r".into() },
        Event::Forged { object: "checkpoints/c".into(), reason: "r".into() },
        Event::Switched { fence, from: Strategy::Gtc, to: Strategy::Bmuf },
        Event::Commanded { command: "switch".into(), caller: "a".into(), address: None },
    ];
    let lines: Vec<String> =
        events.iter().map(|event| serde_json::to_string(event).expect("plain structures")).collect();
    lines.iter().map(|line| line.clone().into_bytes()).chain([lines.join("\n").into_bytes()]).collect()
}

fn position_leases() -> Vec<stentor_plan::Lease> {
    let plan = plan();
    let work = Position::new(&plan).assign(&plan, &[0, 1], RoundSize::Batch).expect("work is left");
    work.leases.into_values().flatten().collect()
}
