use super::*;
use std::collections::BTreeMap;
use stentor_evaluate::PhoneReference;
use stentor_experiment::Features;
use stentor_inventory::{Inventory, Senone, SenoneId};
use stentor_shards::{
    Column, FeatureManifest, FeatureRow, FeatureSet, FeatureSetOptions, FeatureWriter, LabelManifest,
    LabelRow, Span, encode_label_shard, f16, publish_shard,
};
use stentor_store::Store;

/// SIL, A and B with two states each: senones 0 to 5.
fn senones() -> Inventory {
    let state = |(phone, state): (&str, u8)| Senone {
        name: format!("{phone}_{state}"),
        phone: phone.to_owned(),
        silence: phone == "SIL",
        state,
    };
    let states = [("SIL", 0), ("SIL", 1), ("A", 0), ("A", 1), ("B", 0), ("B", 1)];
    Inventory::new(states.map(state).to_vec()).unwrap()
}

fn row(number: usize, alignment: Option<Vec<SenoneId>>) -> FeatureRow {
    FeatureRow {
        utterance: format!("u{number}"),
        speaker: "s".to_owned(),
        group: format!("g{}", number % 3),
        features: vec![f16::ZERO; 8 * 8],
        text: alignment.as_ref().map(|_| "ab".to_owned()),
        alignment,
    }
}

/// Six utterances of eight frames, `SIL A B SIL`, the last one without annotation.
fn rows() -> Vec<FeatureRow> {
    (0..6).map(|n| row(n, (n < 5).then(|| SenoneId::list([0, 1, 2, 3, 4, 4, 5, 0])))).collect()
}

async fn write_features(folder: &str, rows: Vec<FeatureRow>) -> FeatureManifest {
    let settings = Features { mel_bins: 8, stack: 1, ..Features::default() };
    let mut options = FeatureSetOptions::new(settings, senones(), 8000.0);
    options.row_group_frames = 20;
    options.shard_frames = 40;
    let mut writer = FeatureWriter::new(Store::open(folder).unwrap(), options).unwrap();
    for row in rows {
        writer.push(row).await.unwrap();
    }
    writer.finish(None, BTreeMap::new()).await.unwrap()
}

/// Labels of a model that is certain of the phone that `hears` returns for each frame of the alignment.
async fn write_labels(folder: &str, features: &FeatureSet, hears: fn(usize, u16) -> u16) {
    let manifest = features.manifest();
    let store = Store::open(folder).unwrap();
    let mut shards = Vec::new();
    for (number, shard) in manifest.shards.iter().enumerate() {
        let mut groups = Vec::new();
        for group in 0..shard.row_groups.len() {
            let label = |row: FeatureRow| {
                let heard =
                    [0, 1, 2, 3, 4, 4, 5, 0].into_iter().enumerate().map(|(frame, s)| hears(frame, s));
                let ids = SenoneId::list(heard.flat_map(|s| [s, (s + 1) % 6]));
                let logs = [0.9f32.ln(), 0.05f32.ln()].repeat(8);
                LabelRow::quantise(row.utterance, ids, &logs, &[0.05; 8])
            };
            groups.push(features.read(number, group).await.unwrap().into_iter().map(label).collect());
        }
        let layout = stentor_shards::LabelLayout { top_k: 2, senones: 6 };
        let (bytes, info) = encode_label_shard(&shard.file, &groups, layout).unwrap();
        publish_shard(&store, &info.file, bytes).await.unwrap();
        shards.push(info);
    }
    let labels = LabelManifest::new("model".to_owned(), manifest, 2, senones(), shards).unwrap();
    labels.publish(&store).await.unwrap();
}

struct Sets {
    folder: tempfile::TempDir,
}

impl Sets {
    fn new() -> Self {
        let sets = Self { folder: tempfile::tempdir().unwrap() };
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            write_features(&sets.at("test"), rows()).await;
            let features = FeatureSet::open(&Store::open(&sets.at("test")).unwrap()).await.unwrap();
            write_labels(&sets.at("good"), &features, |_, senone| senone).await;
            // Mistakes the second frame of A for B, and the last silence for A.
            write_labels(&sets.at("worse"), &features, |frame, senone| match frame {
                3 => 4,
                7 => 2,
                _ => senone,
            })
            .await;
        });
        sets
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn arguments(&self, labels: &str) -> Args {
        Args {
            features: self.at("test"),
            model: None,
            labels: Some(self.at(labels)),
            train_features: Some(self.at("test")),
            dev_features: None,
            dev_labels: None,
            baseline: None,
            json: Some(self.folder.path().join(format!("{labels}.json"))),
            threads: 1,
        }
    }

    fn figures(&self, name: &str) -> Figures {
        read_figures(&self.folder.path().join(format!("{name}.json"))).unwrap()
    }
}

#[test]
fn a_model_that_is_always_right_has_no_errors() {
    let sets = Sets::new();
    run(sets.arguments("good")).unwrap();
    let found = sets.figures("good");
    assert_eq!((found.fer, found.fer_speech, found.per), (Some(0.0), Some(0.0), Some(0.0)));
    assert_eq!((found.utterances, found.unannotated, found.frames.frames), (5, 1, 40));
    assert_eq!((found.phones.reference, found.by_group.groups.len()), (10, 3));
    assert!((found.audio_hours - 40.0 * 0.01 / 3600.0).abs() < 1e-12);
}

/// The phones of the five annotated utterances: a C, shorter than a frame, lies between A and B, and is not an output
/// of the model.
async fn write_features_with_phones(folder: &str) {
    let settings = Features { mel_bins: 8, stack: 1, ..Features::default() };
    let mut options = FeatureSetOptions::new(settings, senones(), 8000.0);
    options.columns = vec![Column::phones()];
    let mut writer = FeatureWriter::new(Store::open(folder).unwrap(), options).unwrap();
    let span = |text: &str, start_ms, duration_ms| Span { text: text.to_owned(), start_ms, duration_ms };
    let said = [span("A", 20, 18), span("C", 38, 4), span("B", 42, 28)];
    for row in rows().into_iter().take(5) {
        writer.push_with(row, [(Column::PHONES, said.to_vec().into())]).await.unwrap();
    }
    writer.finish(None, BTreeMap::new()).await.unwrap();
}

#[test]
fn phones_are_compared_with_those_of_the_alignment_if_the_set_stores_them() {
    let sets = Sets::new();
    run(sets.arguments("good")).unwrap();
    assert_eq!(sets.figures("good").phone_reference, Some(PhoneReference::Frames), "a set of before");
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        write_features_with_phones(&sets.at("whole")).await;
        let features = FeatureSet::open(&Store::open(&sets.at("whole")).unwrap()).await.unwrap();
        write_labels(&sets.at("whole-labels"), &features, |_, senone| senone).await;
    });
    run(Args { features: sets.at("whole"), ..sets.arguments("whole-labels") }).unwrap();
    let found = sets.figures("whole-labels");
    assert_eq!((found.phone_reference, found.fer), (Some(PhoneReference::Alignment), Some(0.0)));
    assert_eq!((found.phones.reference, found.phones.errors()), (15, 5), "each C is deleted");
}

#[test]
fn errors_are_counted_with_and_without_silence_and_compared_with_a_baseline() {
    let sets = Sets::new();
    run(sets.arguments("worse")).unwrap();
    let worse = sets.figures("worse");
    assert_eq!(
        (worse.fer, worse.fer_speech),
        (Some(25.0), Some(20.0)),
        "2 of 8 frames, 1 of 5 frames of speech"
    );

    run(Args { baseline: Some(sets.folder.path().join("worse.json")), ..sets.arguments("good") }).unwrap();
    let better = sets.figures("good");
    let frames = better.differences[0].difference;
    assert_eq!((frames.points, frames.low, frames.high, frames.pieces), (-25.0, -25.0, -25.0, 3));
}

#[test]
fn without_training_features_there_is_no_phone_error_rate() {
    let sets = Sets::new();
    run(Args { train_features: None, ..sets.arguments("good") }).unwrap();
    let found = sets.figures("good");
    assert_eq!((found.fer, found.per, found.decoder), (Some(0.0), None, None));
}

#[test]
fn the_decoder_is_tuned_on_dev_if_dev_is_given() {
    let sets = Sets::new();
    let dev = Args {
        dev_features: Some(sets.at("test")),
        dev_labels: Some(sets.at("good")),
        ..sets.arguments("good")
    };
    run(dev).unwrap();
    let decoder = sets.figures("good").decoder.unwrap();
    assert!(decoder.tried > 1 && decoder.dev_per == Some(0.0), "{decoder:?}");
}

#[test]
fn sets_that_do_not_belong_together_are_rejected_before_scoring() {
    let sets = Sets::new();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        write_features(&sets.at("other"), rows().split_off(2)).await;
    });
    let refused = |arguments: Args| format!("{:#}", run(arguments).unwrap_err());
    let error = refused(Args { features: sets.at("other"), ..sets.arguments("good") });
    assert!(error.contains("good and ") && error.contains("do not belong to these features"), "{error}");

    let error = refused(Args { dev_features: Some(sets.at("test")), ..sets.arguments("good") });
    assert!(error.contains("--dev-labels"), "{error}");

    let path = sets.folder.path().join("old.json");
    std::fs::write(&path, "{}").unwrap();
    let error = refused(Args { baseline: Some(path), ..sets.arguments("good") });
    assert!(error.contains("old.json"), "{error}");
    assert!(!sets.folder.path().join("good.json").exists(), "figures of a rejected evaluation");
}

#[test]
fn a_test_or_dev_set_without_alignments_is_rejected_before_the_model_runs() {
    let sets = Sets::new();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        write_features(&sets.at("mute"), vec![row(0, None)]).await;
        let features = FeatureSet::open(&Store::open(&sets.at("mute")).unwrap()).await.unwrap();
        write_labels(&sets.at("mute-labels"), &features, |_, senone| senone).await;
    });
    let arguments = Args { features: sets.at("mute"), ..sets.arguments("mute-labels") };
    let error = run(arguments).unwrap_err().to_string();
    assert!(error.contains("expected annotated utterances"), "{error}");

    // No such model exists, so nothing was computed.
    let unlabeled = || Args { model: Some("nowhere".to_owned()), labels: None, ..sets.arguments("good") };
    let dev = Args { dev_features: Some(sets.at("mute")), ..unlabeled() };
    for arguments in [Args { features: sets.at("mute"), ..unlabeled() }, dev] {
        let error = run(arguments).unwrap_err().to_string();
        assert!(error.contains("mute: expected annotated utterances"), "{error}");
    }
}

#[test]
fn a_baseline_on_another_test_set_is_rejected_before_the_model_runs() {
    let sets = Sets::new();
    run(sets.arguments("good")).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        write_features(&sets.at("other"), rows().split_off(2)).await;
    });
    let baseline = Some(sets.folder.path().join("good.json"));
    // No such model exists: if it were started, the error would name it.
    let model = Some("nowhere".to_owned());
    let error =
        run(Args { features: sets.at("other"), model, labels: None, baseline, ..sets.arguments("other") });
    let error = error.unwrap_err().to_string();
    let found = sets.figures("good").features_fingerprint;
    assert!(error.contains("good.json: expected figures on the same test set"), "{error}");
    assert!(error.contains(&format!("(fingerprint {found})")), "{error}");
}
