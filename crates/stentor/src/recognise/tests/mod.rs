mod sets;

use super::*;
use crate::made_up::{Folder, inventory};
use crate::material::UnknownPhones;
use stentor_evaluate::RecognisedUtterance;
use stentor_experiment::Features;
use stentor_inventory::SenoneId;
use stentor_shards::{FeatureRow, FeatureSetOptions, LabelRow, f16};

/// An utterance: its group, its text, and what a model hears in it.
type Said = (&'static str, Option<&'static str>, &'static str);

/// The third is heard wrong; the last one has no text.
const TEST: [Said; 5] = [
    ("g0", Some("Ab ba."), "ab ba"),
    ("g1", Some("ba"), "ba"),
    ("g2", Some("[noise] ab"), "ba"),
    ("g1", Some("zz ab"), "ab"),
    ("g0", None, "ab"),
];

/// The senone of each frame: a pause before each word and at the end, four frames for each letter. A text that ends with `-` is cut
/// there.
fn frames(text: &str) -> Vec<u16> {
    let senone = |letter: char| if letter == 'a' { 1 } else { 2 };
    let mut frames = Vec::new();
    for word in text.trim_end_matches('-').split_whitespace() {
        frames.extend([0; 3]);
        word.chars().for_each(|letter| frames.extend([senone(letter); 4]));
    }
    if !text.ends_with('-') {
        frames.extend([0; 3]);
    }
    frames
}

/// A folder with everything that the command reads.
struct World(Folder);

impl World {
    fn new() -> Self {
        let world = Self(Folder::new());
        let train = [("t", Some("ab"), "ab"), ("t", Some("ba ba"), "ba ba")];
        world.write_set("train", &train, &["SIL", "a", "b"]);
        world.write_set("test", &TEST, &["SIL", "a", "b"]);
        world.0.write_words("AB a b\nBA b a\n", "ab ba\nba\nab\nother\n");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    fn at(&self, name: &str) -> String {
        self.0.at(name)
    }

    fn write(&self, name: &str, text: &str) {
        self.0.write(name, text);
    }

    fn read(&self, name: &str) -> String {
        self.0.read(name)
    }

    fn figures(&self) -> RecognitionFigures {
        read_figures(&self.path("figures.json")).unwrap()
    }

    /// A set whose alignments are what is heard, and labels of a model that is nearly sure of that, in `NAME-labels`.
    fn write_set(&self, name: &str, said: &[Said], phones: &[&str]) {
        self.write_set_of("model", name, said, phones);
    }

    /// The same with labels of another model.
    fn write_set_of(&self, model: &str, name: &str, said: &[Said], phones: &[&str]) {
        self.write_labeled(model, name, said, phones, 3);
    }

    /// The same with labels that keep the most probable outputs only.
    fn write_few(&self, name: &str, said: &[Said], top_k: usize) {
        self.write_labeled("model", name, said, &["SIL", "a", "b"], top_k);
    }

    fn write_labeled(&self, model: &str, name: &str, said: &[Said], phones: &[&str], top_k: usize) {
        let settings = Features { mel_bins: 8, stack: 1, ..Features::default() };
        let mut options = FeatureSetOptions::new(settings, inventory(phones), 8000.0);
        (options.row_group_frames, options.shard_frames) = (40, 80);
        let row = |(number, (group, text, heard)): (usize, &Said)| {
            let alignment = frames(heard);
            FeatureRow {
                utterance: format!("u{number}"),
                speaker: "s".to_owned(),
                group: (*group).to_owned(),
                features: vec![f16::ZERO; 8 * alignment.len()],
                text: text.map(str::to_owned),
                alignment: text.map(|_| SenoneId::list(alignment)),
            }
        };
        let rows = said.iter().enumerate().map(row).collect();
        let labels = said.iter().enumerate().map(|(number, (_, _, heard))| labels(number, heard, top_k));
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let set = self.0.write_set(name, options, rows).await;
            let place = format!("{name}-labels");
            self.0.write_labels_of(model, &place, &set, top_k, labels.collect()).await;
        });
    }

    fn tested(&self) -> Tested {
        Tested { features: self.at("test"), model: None, labels: Some(self.at("test-labels")) }
    }

    fn arguments(&self) -> Args {
        Args {
            tested: self.tested(),
            train_features: self.at("train"),
            words: self.0.words(),
            tune_on: None,
            dev_labels: None,
            settings: None,
            phrases: None,
            baseline: None,
            out: Some(self.path("out")),
            json: Some(self.path("figures.json")),
            threads: 2,
        }
    }

    /// Arguments with a model that does not exist: what is refused, is refused before it runs.
    fn unlabeled(&self) -> Args {
        let tested = Tested { model: Some("nowhere".to_owned()), labels: None, ..self.tested() };
        Args { tested, ..self.arguments() }
    }
}

fn labels(number: usize, heard: &str, top_k: usize) -> LabelRow {
    let frames = frames(heard);
    let ids = SenoneId::list(frames.iter().flat_map(|id| (0..top_k as u16).map(move |next| (id + next) % 3)));
    let probabilities = &[0.9f32, 0.05, 0.05][..top_k];
    let logs: Vec<f32> = probabilities.iter().map(|p| p.ln()).collect();
    let rest = (1.0 - probabilities.iter().sum::<f32>()).max(0.0);
    LabelRow::quantise(format!("u{number}"), ids, &logs.repeat(frames.len()), &vec![rest; frames.len()])
}

fn refused(arguments: Args) -> String {
    format!("{:#}", run(arguments).unwrap_err())
}

#[test]
fn the_words_of_a_set_are_scored_against_its_texts() {
    let world = World::new();
    run(world.arguments()).unwrap();
    let found = world.figures();
    let hypotheses: Vec<&str> =
        found.utterances.iter().map(|utterance| utterance.hypothesis.as_str()).collect();
    assert_eq!(hypotheses, ["ab ba", "ba", "ba", "ab"]);
    assert_eq!(found.utterances[2].reference, "[noise] ab");
    let words = found.words;
    assert_eq!((words.reference, words.substitutions, words.deletions, words.insertions), (6, 1, 1, 0));
    assert_eq!((found.without_text, found.no_path, found.incomplete), (1, 0, 0));
    assert_eq!(found.wer_interval.map(|interval| interval.units), Some(3));
    assert_eq!(
        (found.vocabulary.words, found.vocabulary.without_pronunciation),
        (2, 1),
        "`other` cannot be said"
    );
    assert_eq!((found.unknown_words, &found.frequent_unknown_words[..]), (1, &[("zz".to_owned(), 1)][..]));
    let perplexity = found.perplexity.unwrap();
    assert_eq!((perplexity.words, perplexity.unknown), (6, 1));
    assert!(perplexity.known > 1.0 && perplexity.all.unwrap() > 1.0);
    assert!((found.audio_hours - 67.0 * 0.01 / 3600.0).abs() < 1e-12, "{}", found.audio_hours);
    assert_eq!((found.model_fingerprint.as_str(), found.dev_wer), ("model", None));
    assert!(found.settings["tuned"].is_null() && found.settings["statistics"].is_null());
}

#[test]
fn the_words_do_not_depend_on_the_number_of_threads() {
    let world = World::new();
    let figures = |threads| {
        run(Args { threads, ..world.arguments() }).unwrap();
        let found = RecognitionFigures { decoding_seconds: 0.0, times_real_time: None, ..world.figures() };
        (found, world.read("out/hypothesis.ctm"))
    };
    assert_eq!(figures(1), figures(4));
}

#[test]
fn texts_and_times_are_written_as_they_were_compared() {
    let world = World::new();
    run(world.arguments()).unwrap();
    assert_eq!(world.read("out/reference.trn"), "ab ba (u0)\nba (u1)\nab (u2)\nzz ab (u3)\n");
    assert_eq!(world.read("out/hypothesis.trn"), "ab ba (u0)\nba (u1)\nba (u2)\nab (u3)\n");
    assert_eq!(world.read("out/reference.stm").lines().next(), Some("u0 1 s 0.00 0.25 ab ba"));
    let ctm = world.read("out/hypothesis.ctm");
    let word: Vec<&str> = ctm.lines().next().unwrap().split(' ').collect();
    assert_eq!(word[..5], ["u0", "1", "0.03", "0.08", "ab"]);
    assert!(word[5].parse::<f32>().unwrap() > 0.5, "{ctm}");
}

#[test]
fn scales_that_were_tuned_are_recorded_and_serve_again() {
    let world = World::new();
    let tuned = Args {
        tune_on: Some(world.at("train")),
        dev_labels: Some(world.at("train-labels")),
        ..world.arguments()
    };
    run(tuned).unwrap();
    let found = world.figures();
    assert_eq!(found.dev_wer, Some(0.0));
    let settings = read_settings(&world.path("out/settings.json")).unwrap();
    let record = settings.tuned.clone().unwrap();
    assert_eq!((record.set, record.utterances, record.not_used), (world.at("train"), 2, 0));
    assert!((record.words, record.errors) == (3, 0) && record.tried > 100, "{}", record.tried);
    let frames = settings.statistics.as_ref().map(|statistics| statistics.frames());
    assert_eq!(frames, Some(39), "what `stentor export --settings` needs");
    assert_eq!(found.settings["acoustic_scale"].as_f64(), Some(settings.acoustic_scale));
    assert_eq!(found.settings["tuned"]["set"], world.at("train"));

    let out = Some(world.path("again"));
    run(Args { settings: Some(world.path("out/settings.json")), out, ..world.arguments() }).unwrap();
    assert_eq!(world.figures().utterances, found.utterances);
    assert_eq!(read_settings(&world.path("again/settings.json")).unwrap(), settings);
    assert!(world.figures().to_text().contains("(tuned before)"));
}

#[test]
fn an_utterance_that_is_cut_within_a_word_is_counted_if_no_other_path_is_followed_to_its_end() {
    let world = World::new();
    world.write("words.dict", "AB a b a b\n");
    world.write_set(
        "test",
        &[("g", Some("ab"), "abab"), ("h", Some("ab ab"), "abab a-")],
        &["SIL", "a", "b"],
    );
    // With a beam that has more paths in it than are followed, only the best three go on in each frame.
    let narrow = Settings { acoustic_scale: 3.0, beam: 1e3, max_active: 3, ..Settings::default() };
    world.write("narrow.json", &serde_json::to_string(&narrow).unwrap());
    run(Args { settings: Some(world.path("narrow.json")), ..world.arguments() }).unwrap();
    let found = world.figures();
    // They are within the word that began last, and a pause in its place costs too much.
    assert_eq!((found.incomplete, found.no_path), (1, 0), "{found:?}");
    assert_eq!(found.utterances[0].hypothesis, "ab");
    assert!(found.utterances[1].hypothesis.starts_with("ab"), "what was whole is kept: {found:?}");
    assert!(found.to_text().contains("utterances that did not end with a word or a pause: 1;"));

    // With the other paths that begin a word later and end it in time, the same frames have a complete one.
    run(world.arguments()).unwrap();
    assert_eq!(world.figures().incomplete, 0);
}

#[test]
fn a_word_with_an_unknown_phone_is_an_error_or_left_out_and_listed() {
    let world = World::new();
    world.write("words.dict", "AB a b\nAX a x\nBA b a\nBA(2) x a\n");
    let error = refused(world.arguments());
    assert!(error.contains("phone `x` of word `ax` is unknown") && error.contains("leave-out"), "{error}");
    let mut arguments = world.arguments();
    arguments.words.lexicon.unknown_phones = UnknownPhones::LeaveOut;
    run(arguments).unwrap();
    let vocabulary = world.figures().vocabulary;
    assert_eq!((vocabulary.words, vocabulary.left_out, vocabulary.left_out_pronunciations), (2, 1, 1));
    assert_eq!(vocabulary.left_out_words, ["ax"]);
}

#[test]
fn a_phrase_makes_its_words_known_and_a_word_that_cannot_be_said_is_named() {
    let world = World::new();
    world.write("words.dict", "AB a b\nBA b a\nBB b b\n");
    run(world.arguments()).unwrap();
    assert_eq!(world.figures().vocabulary.words, 2, "the language model has no `bb`");
    world.write("phrases.txt", "bb\t1\n");
    run(Args { phrases: Some(world.path("phrases.txt")), ..world.arguments() }).unwrap();
    assert_eq!(world.figures().vocabulary.words, 3);
    world.write("phrases.txt", "ab\nzz\n");
    let error = refused(Args { phrases: Some(world.path("phrases.txt")), ..world.arguments() });
    assert!(error.contains("phrases.txt: line 2 of the phrases: the word `zz`"), "{error}");
}

#[test]
fn another_system_on_the_same_texts_is_compared_whatever_its_senones() {
    let world = World::new();
    run(world.arguments()).unwrap();
    std::fs::rename(world.path("figures.json"), world.path("base.json")).unwrap();
    // The same utterances with other senones, and a model that is always right.
    let perfect =
        TEST.map(|(group, text, heard)| (group, text, if text == Some("[noise] ab") { "ab" } else { heard }));
    let others = ["SIL", "a", "b", "c"];
    world.write_set("test", &perfect, &others);
    world.write_set("train", &[("t", Some("ab"), "ab")], &others);
    let baseline = Some(world.path("base.json"));
    run(Args { baseline: baseline.clone(), ..world.arguments() }).unwrap();
    let found = world.figures();
    let difference = found.differences[0].difference;
    assert!(
        (difference.baseline - 100.0 / 3.0).abs() < 1e-9 && (difference.system - 100.0 / 6.0).abs() < 1e-9
    );

    // Another text, and a model that does not exist: it is refused before the model runs.
    world.write_set("test", &TEST[..3], &others);
    let error = refused(Args { baseline, ..world.unlabeled() });
    assert!(error.contains("base.json: expected figures on the same 3 utterances"), "{error}");
    world.write("base.json", "{}");
    let error = refused(Args { baseline: Some(world.path("base.json")), ..world.arguments() });
    assert!(error.contains("base.json: expected figures of `stentor recognise --json`"), "{error}");
}

#[test]
fn the_guide_has_all_keys_of_the_settings_with_their_defaults() {
    const GUIDE: &str = include_str!("../../../../../docs/guides/recogniser.md");
    let (_, section) = GUIDE.split_once("### Scales and limits").unwrap();
    let (section, _) = section.split_once("\n### ").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let told: Vec<(&str, Option<f64>)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split(" | ").collect();
            (cells[0].trim_end_matches('`'), cells[2].parse().ok())
        })
        .collect();
    let defaults = serde_json::to_value(Settings::default()).unwrap();
    let defaults = defaults.as_object().unwrap();
    assert_eq!(told.len(), defaults.len() + 2, "{told:?}");
    for (key, default) in told {
        let found = defaults.get(key).and_then(serde_json::Value::as_f64);
        assert!(
            default == found && (found.is_some() || ["tuned", "statistics"].contains(&key)),
            "{key}: {default:?}"
        );
    }
}

#[test]
fn an_utterance_is_found_again_by_its_name_in_the_figures() {
    let world = World::new();
    run(world.arguments()).unwrap();
    let [id, group, reference, hypothesis] = ["u3", "g1", "zz ab", "ab"].map(str::to_owned);
    assert!(world.figures().utterances.contains(&RecognisedUtterance { id, group, reference, hypothesis }));
}
