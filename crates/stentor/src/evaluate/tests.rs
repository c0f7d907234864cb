use super::*;
use crate::made_up::Folder;
use std::collections::BTreeMap;
use stentor_evaluate::PhoneReference;
use stentor_experiment::Features;
use stentor_inventory::{Inventory, Senone, SenoneId};
use stentor_shards::{
    Column, FeatureManifest, FeatureRow, FeatureSetOptions, FeatureWriter, LabelRow, Span, f16,
};
use stentor_store::Store;

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

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

fn options() -> FeatureSetOptions {
    let settings = Features { mel_bins: 8, stack: 1, ..Features::default() };
    FeatureSetOptions {
        row_group_frames: 20,
        shard_frames: 40,
        ..FeatureSetOptions::new(settings, senones(), 8000.0)
    }
}

fn labels(number: u64, hears: fn(usize, u16) -> u16) -> LabelRow {
    let heard = [0, 1, 2, 3, 4, 4, 5, 0].into_iter().enumerate().map(|(frame, s)| hears(frame, s));
    let ids = SenoneId::list(heard.flat_map(|s| [s, (s + 1) % 6]));
    let logs = [0.9f32.ln(), 0.05f32.ln()].repeat(8);
    LabelRow::quantise(format!("u{number}"), ids, &logs, &[0.05; 8])
}

struct Sets {
    folder: Folder,
}

impl Sets {
    fn new() -> Self {
        let sets = Self { folder: Folder::new() };
        block_on(async {
            let set = sets.write("test", rows()).await;
            sets.write_labels("good", &set, |_, senone| senone).await;
            // Mistakes the second frame of A for B, and the last silence for A.
            let worse = |frame, senone| match frame {
                3 => 4,
                7 => 2,
                _ => senone,
            };
            sets.write_labels("worse", &set, worse).await;
        });
        sets
    }

    async fn write(&self, name: &str, rows: Vec<FeatureRow>) -> FeatureManifest {
        self.folder.write_set(name, options(), rows).await
    }

    /// Labels of a model that is certain of the phone that `hears` returns for each frame of the alignment.
    async fn write_labels(&self, name: &str, set: &FeatureManifest, hears: fn(usize, u16) -> u16) {
        let labels = (0..set.utterances()).map(|number| labels(number, hears)).collect();
        self.folder.write_labels(name, set, 2, labels).await;
    }

    /// Writes the first utterances as a dev set, with labels of a model that is always right.
    async fn write_dev(&self, model: &str) {
        let set = self.write("dev", rows().drain(..3).collect()).await;
        let labels = (0..set.utterances()).map(|number| labels(number, |_, senone| senone)).collect();
        self.folder.write_labels_of(model, "dev-labels", &set, 2, labels).await;
    }

    fn at(&self, name: &str) -> String {
        self.folder.at(name)
    }

    fn tested(&self, labels: &str) -> Tested {
        Tested { features: self.at("test"), model: None, labels: Some(self.at(labels)) }
    }

    fn arguments(&self, labels: &str) -> Args {
        Args {
            tested: self.tested(labels),
            train_features: Some(self.at("test")),
            dev_features: None,
            dev_labels: None,
            baseline: None,
            json: Some(self.folder.path(&format!("{labels}.json"))),
            threads: 1,
        }
    }

    fn figures(&self, name: &str) -> Figures {
        read_figures(&self.folder.path(&format!("{name}.json"))).unwrap()
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
async fn write_features_with_phones(folder: &str) -> FeatureManifest {
    let options = FeatureSetOptions { columns: vec![Column::phones()], ..options() };
    let mut writer = FeatureWriter::new(Store::open(folder).unwrap(), options).unwrap();
    let span = |text: &str, start_ms, duration_ms| Span { text: text.to_owned(), start_ms, duration_ms };
    let said = [span("A", 20, 18), span("C", 38, 4), span("B", 42, 28)];
    for row in rows().into_iter().take(5) {
        writer.push_with(row, [(Column::PHONES, said.to_vec().into())]).await.unwrap();
    }
    writer.finish(None, BTreeMap::new()).await.unwrap()
}

#[test]
fn phones_are_compared_with_those_of_the_alignment_if_the_set_stores_them() {
    let sets = Sets::new();
    run(sets.arguments("good")).unwrap();
    assert_eq!(sets.figures("good").phone_reference, Some(PhoneReference::Frames), "a set of before");
    block_on(async {
        let set = write_features_with_phones(&sets.at("whole")).await;
        sets.write_labels("whole-labels", &set, |_, senone| senone).await;
    });
    let tested = Tested { features: sets.at("whole"), ..sets.tested("whole-labels") };
    run(Args { tested, ..sets.arguments("whole-labels") }).unwrap();
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

    run(Args { baseline: Some(sets.folder.path("worse.json")), ..sets.arguments("good") }).unwrap();
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
    block_on(sets.write_dev("model"));
    let dev = || Args {
        dev_features: Some(sets.at("dev")),
        dev_labels: Some(sets.at("dev-labels")),
        ..sets.arguments("good")
    };
    run(dev()).unwrap();
    let decoder = sets.figures("good").decoder.unwrap();
    assert!(decoder.tried > 1 && decoder.dev_per == Some(0.0), "{decoder:?}");

    block_on(sets.write_dev("another"));
    let error = run(dev()).unwrap_err();
    assert_eq!(crate::exit::of(&error), stentor_runtime::ExitStatus::Data);
    let words = error.to_string();
    for part in ["dev-labels: expected labels of the model", "(fingerprint model)", "(fingerprint another)"] {
        assert!(words.contains(part), "{words}");
    }
    let test = Args {
        dev_features: Some(sets.at("test")),
        dev_labels: Some(sets.at("good")),
        ..sets.arguments("good")
    };
    let error = run(test).unwrap_err();
    assert_eq!(crate::exit::of(&error), stentor_runtime::ExitStatus::Data);
    assert!(
        error.to_string().contains("test: expected a dev set, found the test set of --features"),
        "{error}"
    );
}

#[test]
fn figures_are_written_over_nothing_that_is_read() {
    let sets = Sets::new();
    let before = sets.folder.read("good/manifest.json");
    for (name, option) in [("good/manifest.json", "--labels"), ("test/manifest.json", "--features")] {
        let error = run(Args { json: Some(sets.folder.path(name)), ..sets.arguments("good") }).unwrap_err();
        assert_eq!(crate::exit::of(&error), stentor_runtime::ExitStatus::Config);
        let words = error.to_string();
        assert!(words.contains("of its own for --json") && words.contains(option), "{words}");
    }
    assert_eq!(sets.folder.read("good/manifest.json"), before);
}

#[test]
fn sets_that_do_not_belong_together_are_rejected_before_scoring() {
    let sets = Sets::new();
    block_on(sets.write("other", rows().split_off(2)));
    let refused = |arguments: Args| format!("{:#}", run(arguments).unwrap_err());
    let tested = Tested { features: sets.at("other"), ..sets.tested("good") };
    let error = refused(Args { tested, ..sets.arguments("good") });
    assert!(error.contains("good and ") && error.contains("do not belong to these features"), "{error}");

    let error = refused(Args { dev_features: Some(sets.at("test")), ..sets.arguments("good") });
    assert!(error.contains("--dev-labels"), "{error}");

    let path = sets.folder.path("old.json");
    std::fs::write(&path, "{}").unwrap();
    let error = refused(Args { baseline: Some(path), ..sets.arguments("good") });
    assert!(error.contains("old.json"), "{error}");
    assert!(!sets.folder.path("good.json").exists(), "figures of a rejected evaluation");
}

#[test]
fn a_test_or_dev_set_without_alignments_is_rejected_before_the_model_runs() {
    let sets = Sets::new();
    block_on(async {
        let set = sets.write("mute", vec![row(0, None)]).await;
        sets.write_labels("mute-labels", &set, |_, senone| senone).await;
    });
    let tested = Tested { features: sets.at("mute"), ..sets.tested("mute-labels") };
    let error = run(Args { tested, ..sets.arguments("mute-labels") }).unwrap_err().to_string();
    assert!(error.contains("expected annotated utterances"), "{error}");

    // No such model exists, so nothing was computed.
    let unlabeled = |features: &str| {
        let tested = Tested { features: sets.at(features), model: Some("nowhere".to_owned()), labels: None };
        Args { tested, ..sets.arguments("good") }
    };
    let dev = Args { dev_features: Some(sets.at("mute")), ..unlabeled("test") };
    for arguments in [unlabeled("mute"), dev] {
        let error = run(arguments).unwrap_err().to_string();
        assert!(error.contains("mute: expected annotated utterances"), "{error}");
    }
}

#[test]
fn a_baseline_on_another_test_set_is_rejected_before_the_model_runs() {
    let sets = Sets::new();
    run(sets.arguments("good")).unwrap();
    block_on(sets.write("other", rows().split_off(2)));
    let baseline = Some(sets.folder.path("good.json"));
    // No such model exists: if it were started, the error would name it.
    let tested = Tested { features: sets.at("other"), model: Some("nowhere".to_owned()), labels: None };
    let error = run(Args { tested, baseline, ..sets.arguments("other") }).unwrap_err().to_string();
    let found = sets.figures("good").features_fingerprint;
    assert!(error.contains("good.json: expected figures on the same test set"), "{error}");
    assert!(error.contains(&format!("(fingerprint {found})")), "{error}");
}
