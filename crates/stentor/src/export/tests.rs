use super::*;
use crate::made_up::Folder;
use crate::material::UnknownPhones;
use stentor_checkpoint::{
    MODEL, Manifest, ModelDescription, NamedTensor, Object, TensorFile, checkpoint_name, checkpoint_store,
    deploy, digest, publish,
};
use stentor_experiment::{Architecture, Features, Lstm};
use stentor_inventory::{Inventory, SenoneId};
use stentor_recogniser::{Settings, Statistics};
use stentor_shards::{FeatureManifest, FeatureRow, FeatureSetOptions, f16};
use stentor_store::Store;

fn inventory() -> Inventory {
    crate::made_up::inventory(&["SIL", "A", "B"])
}

fn settings() -> Settings {
    let mut statistics = Statistics::new(&inventory());
    statistics.add(&inventory(), &SenoneId::list([0, 0, 1, 1, 2, 2, 0])).unwrap();
    Settings { statistics: Some(statistics), ..Settings::default() }
}

/// A run, a set that it was trained on, and the other files.
struct Place(Folder);

/// A model folder `model`, within a folder that lives as long as this.
pub(crate) async fn exported() -> Folder {
    let place = Place::new().await;
    export(&place.arguments()).await.unwrap();
    place.0
}

impl Place {
    async fn new() -> Self {
        let place = Self(Folder::new());
        let set = place.write_set("set", 4_000.0).await;
        place.write_run(&set, false).await;
        place.0.write_words("AB  A B\nBA  B A1\n", "ab ba\nba\nab\n");
        place.write("settings.json", &serde_json::to_string(&settings()).unwrap());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    fn location(&self, name: &str) -> String {
        self.0.at(name)
    }

    fn write(&self, name: &str, text: &str) {
        self.0.write(name, text);
    }

    async fn write_set(&self, name: &str, nyquist_hz: f32) -> FeatureManifest {
        self.write_aligned(name, nyquist_hz, None).await
    }

    /// A set of one utterance of four frames.
    async fn write_aligned(
        &self,
        name: &str,
        nyquist_hz: f32,
        alignment: Option<[u16; 4]>,
    ) -> FeatureManifest {
        let features = Features { mel_bins: 8, ..Features::default() };
        let dimension = features.dimension();
        let options = FeatureSetOptions::new(features, inventory(), nyquist_hz);
        let row = FeatureRow {
            utterance: "u".to_owned(),
            speaker: "s".to_owned(),
            group: "g".to_owned(),
            features: vec![f16::ZERO; 4 * dimension],
            text: None,
            alignment: alignment.map(SenoneId::list),
        };
        self.0.write_set(name, options, vec![row]).await
    }

    async fn write_run(&self, set: &FeatureManifest, bidirectional: bool) {
        let architecture: Architecture =
            Lstm { layers: 1, width: 8, bidirectional, ..Lstm::default() }.into();
        let mut file = TensorFile::default();
        for (name, shape) in architecture.parameters(set.dimension, 3) {
            let values = vec![0.25; shape.iter().product()];
            file.tensors.insert(name, NamedTensor { shape, values });
        }
        let bytes = file.to_bytes().unwrap();
        let name = checkpoint_name(1, 7);
        let object = Object {
            name: MODEL.to_owned(),
            bytes: bytes.len() as u64,
            digest: digest(&bytes),
            blake3: None,
        };
        let manifest = Manifest {
            name: name.clone(),
            run_id: "a run".to_owned(),
            model: ModelDescription {
                model: serde_json::to_value(architecture.resolved()).unwrap(),
                inputs: set.dimension,
                senones: 3,
            },
            features_fingerprint: set.inputs_fingerprint(),
            senones: Some(inventory()),
            objects: vec![object],
            ..Manifest::default()
        };
        let manifest = manifest.with_normalisation(vec![1.5; set.dimension], vec![2.0; set.dimension]);
        let run = Store::open(&self.location("run")).unwrap();
        checkpoint_store(&run, &name).put(MODEL, bytes).await.unwrap();
        publish(&run, &manifest).await.unwrap();
        deploy(&run, &name).await.unwrap();
    }

    fn arguments(&self) -> Args {
        Args {
            bundle: self.path("model"),
            model: self.location("run"),
            features: self.location("set"),
            public_keys: Default::default(),
            words: self.0.words(),
            settings: Some(self.path("settings.json")),
        }
    }
}

fn words(result: Result<Exported>) -> String {
    format!("{:#}", result.err().unwrap())
}

#[tokio::test]
async fn a_run_becomes_a_model_folder_with_the_frequencies_of_its_corpus_and_words_as_its_language_model_has_them()
 {
    let place = Place::new().await;
    export(&place.arguments()).await.unwrap();
    let bundle = Bundle::load(&place.path("model"), "").unwrap();
    let description = bundle.description();
    assert_eq!(
        (description.trained.run_id.as_str(), description.trained.checkpoint.as_str()),
        ("a run", "000001-0000000007")
    );
    let trained = &description.trained;
    assert_eq!((trained.features.high_hz, trained.normalisation.mean[0]), (4_000.0, 1.5));
    assert_eq!(bundle.words(), 2);
    let lexicon = place.0.read("model/lexicon.txt");
    assert_eq!(lexicon, "ab 1 A B\nba 1 B A\n");
}

#[tokio::test]
async fn the_files_of_the_model_folder_are_written_over_none_that_is_read() {
    let place = Place::new().await;
    let text = place.0.read("settings.json");
    let error = run(&Args { bundle: place.path(""), ..place.arguments() }).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("of its own for --bundle, found the one that --settings reads"), "{message}");
    assert_eq!(crate::exit::of(&error), stentor_runtime::ExitStatus::Config);
    assert_eq!(place.0.read("settings.json"), text);
    export(&place.arguments()).await.unwrap();
    let written = std::fs::read_dir(place.path("model")).unwrap().flatten();
    let strangers: Vec<_> =
        written.map(|file| file.file_name()).filter(|name| !PARTS.iter().any(|part| name == part)).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}

#[tokio::test]
async fn without_settings_priors_and_durations_are_counted_in_the_alignments_of_the_set() {
    let place = Place::new().await;
    let without = Args { settings: None, ..place.arguments() };
    assert!(words(export(&without).await).contains("expected aligned utterances to count, found none"));
    assert!(!place.path("model").exists());
    place.write_aligned("aligned", 4_000.0, Some([0, 1, 1, 2])).await;
    export(&Args { features: place.location("aligned"), ..without }).await.unwrap();
    let text = place.0.read("model/settings.json");
    let written: Settings = serde_json::from_str(&text).unwrap();
    let mut statistics = Statistics::new(&inventory());
    statistics.add(&inventory(), &SenoneId::list([0, 1, 1, 2])).unwrap();
    assert_eq!(written, Settings { statistics: Some(statistics), ..Settings::default() });
}

#[tokio::test]
async fn words_are_counted_and_so_are_those_of_the_language_model_that_cannot_be_said() {
    let place = Place::new().await;
    let told = export(&place.arguments()).await.unwrap().text("model");
    assert!(told.contains("with 3 outputs and 2 words, ") && told.lines().count() == 1, "{told}");
    place.0.write_words("AB  A B\n", "ab ba\nba zz\nab\n");
    std::fs::remove_dir_all(place.path("model")).unwrap();
    let told = export(&place.arguments()).await.unwrap().text("model");
    assert!(told.contains(" and 1 word, "), "{told}");
    assert!(told.ends_with("\n2 words of the language model are not in the lexicon\n"), "{told}");
}

#[tokio::test]
async fn a_set_that_the_model_was_not_trained_on_is_named() {
    let place = Place::new().await;
    place.write_set("wide", 8_000.0).await;
    let arguments = Args { features: place.location("wide"), ..place.arguments() };
    let message = words(export(&arguments).await);
    assert!(message.contains("wide: expected the features and senones"), "{message}");
    assert!(!place.path("model").exists());
}

#[tokio::test]
async fn a_word_with_a_phone_that_the_model_does_not_have_is_an_error_or_left_out_as_asked_for() {
    let place = Place::new().await;
    place.write("words.dict", "AB  A B\nAX  A X\nBA  B A1\nBA(2)  X A\n");
    let message = words(export(&place.arguments()).await);
    assert!(message.contains("words.dict") && message.contains("--unknown-phones leave-out"), "{message}");
    assert!(message.contains("line 2: phone `X` of word `ax` is unknown"), "{message}");
    let mut arguments = place.arguments();
    arguments.words.lexicon.unknown_phones = UnknownPhones::LeaveOut;
    let exported = export(&arguments).await.unwrap();
    assert_eq!(exported.bundle.words(), 2);
    let told = exported.text("model");
    assert!(told.ends_with("1 word (ax), and 1 pronunciation of other words\n"), "{told}");
    assert_eq!(left_out_words(&LeftOut::default()), None);
}

#[tokio::test]
async fn a_teacher_that_needs_whole_utterances_and_files_that_are_cut_short_are_refused() {
    let place = Place::new().await;
    let text = place.0.read("lm.arpa");
    place.write("cut.arpa", &text[..text.len() / 2]);
    let words_of = |words| Args { words, ..place.arguments() };
    let arguments = words_of(WordFiles { lm: place.path("cut.arpa"), ..place.0.words() });
    assert!(words(export(&arguments).await).contains("cut.arpa"));
    place.write("odd.json", "{\"beam\": 3}");
    let arguments = Args { settings: Some(place.path("odd.json")), ..place.arguments() };
    assert!(words(export(&arguments).await).contains("odd.json: expected the settings of a recogniser"));
    let counts = settings().statistics.map(|counts| Statistics { outputs: vec![1; 300], ..counts });
    let others = Settings { statistics: counts, ..settings() };
    place.write("others.json", &serde_json::to_string(&others).unwrap());
    let arguments = Args { settings: Some(place.path("others.json")), ..place.arguments() };
    let error = words(export(&arguments).await);
    let told = "found those of 300";
    assert!(error.contains("others.json: `statistics` of the settings") && error.contains(told), "{error}");
    let set = FeatureSet::open(&Store::open(&place.location("set")).unwrap()).await.unwrap();
    std::fs::remove_dir_all(place.path("run")).unwrap();
    place.write_run(set.manifest(), true).await;
    let told = words(export(&place.arguments()).await);
    assert!(
        told.starts_with(&format!("--model {}: the model is bidirectional", place.location("run"))),
        "{told}"
    );
    assert!(!place.path("model").exists());
}
