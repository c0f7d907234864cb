use super::*;
use crate::exit;
use crate::material::{Format, UnknownPhones};
use std::collections::BTreeMap;
use stentor_experiment::Features;
use stentor_inventory::{Inventory, Senone, SenoneId};
use stentor_runtime::ExitStatus;
use stentor_shards::{
    Codec, Column, Element, Extent, FeatureRow, FeatureSetOptions, FeatureWriter, LabelLayout, LabelManifest,
    LabelRow, Row, Span, Values, encode_label_shard, f16, publish_shard,
};

/// An utterance: its text, and what a model hears in it. Letters are phones of four frames; `.` is a frame of a pause.
type Said = (Option<&'static str>, &'static str);

const SAID: [Said; 7] = [
    (Some("Ab, ba!"), "...ab..ba..."),
    (Some("[noise] ba"), "ba"),
    (None, "..ab.."),
    (Some("ba zebra"), "..ba.."),
    // Three words of two phones in four frames.
    (Some("ab ab ab"), "a"),
    (Some("(laughs)"), "...."),
    // Said in the second way.
    (Some("ab"), "..bb..."),
];

const PHONES: [&str; 3] = ["SIL", "a", "b"];

fn inventory(phones: &[&str]) -> Inventory {
    Inventory::new(phones.iter().map(|phone| Senone::of_state((*phone).to_owned(), 0, &[])).collect())
        .unwrap()
}

fn frames(heard: &str) -> Vec<u16> {
    let of = |letter: char| match letter {
        '.' => vec![0],
        'a' => vec![1; 4],
        _ => vec![2; 4],
    };
    heard.chars().flat_map(of).collect()
}

fn labels(number: usize, heard: &str) -> LabelRow {
    let frames = frames(heard);
    let ids = SenoneId::list(frames.iter().flat_map(|id| [*id, (id + 1) % 3, (id + 2) % 3]));
    let logs = [0.98f32, 0.01, 0.01].map(f32::ln).repeat(frames.len());
    LabelRow::quantise(format!("u{number}"), ids, &logs, &vec![0.0; frames.len()])
}

/// A column that alignments do not change.
fn colour() -> Column {
    Column {
        name: "colour".to_owned(),
        extent: Extent::PerClip { values: 1 },
        element: Element::U8,
        codec: Codec::Plain,
        version: 1,
        optional: false,
    }
}

/// A folder with everything that the command reads.
struct World(tempfile::TempDir);

impl World {
    fn new() -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        world.write_set("set", &SAID, &PHONES);
        let train = [(Some("ab"), "..ab.."), (Some("ba ba"), "..ba...ba.")];
        world.write_set("train", &train, &PHONES);
        world.write("words.dict", "AB a b\nAB(2) b b\nBA b a\n");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn at(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn figures(&self) -> serde_json::Value {
        serde_json::from_str(&self.read("figures.json")).unwrap()
    }

    /// A set whose alignments are what is heard, one frame late, and labels of a model that is nearly sure of what is heard.
    fn write_set(&self, name: &str, said: &[Said], phones: &[&str]) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(self.write_set_async(name, said, &inventory(phones)));
    }

    async fn write_set_async(&self, name: &str, said: &[Said], senones: &Inventory) {
        let settings = Features { mel_bins: 8, ..Features::default() };
        let columns = vec![Column::phones(), colour()];
        let mut options =
            FeatureSetOptions { columns, ..FeatureSetOptions::new(settings, senones.clone(), 8000.0) };
        (options.row_group_frames, options.shard_frames) = (20, 40);
        let mut writer = FeatureWriter::new(Store::open(&self.at(name)).unwrap(), options).unwrap();
        for (number, (text, heard)) in said.iter().enumerate() {
            let mut late = frames(heard);
            late.rotate_right(1);
            let row = FeatureRow {
                utterance: format!("u{number}"),
                speaker: "s".to_owned(),
                group: "g".to_owned(),
                features: vec![f16::from_f32(number as f32); 24 * late.len()],
                text: text.map(str::to_owned),
                alignment: Some(SenoneId::list(late)),
            };
            let old = Span { text: "old".to_owned(), start_ms: 0, duration_ms: 30 };
            let values =
                [(Column::PHONES, Values::from(vec![old])), ("colour", Values::from(vec![number as u8]))];
            writer.push_with(row, values).await.unwrap();
        }
        let notes = BTreeMap::from([("alignment_shift_us".to_owned(), "10000".to_owned())]);
        let manifest = writer.finish(None, notes).await.unwrap();
        let store = Store::open(&self.at(&format!("{name}-labels"))).unwrap();
        let mut said = said.iter().enumerate();
        let mut shards = Vec::new();
        for shard in &manifest.shards {
            let mut of_group = |rows: u32| -> Vec<LabelRow> {
                said.by_ref().take(rows as usize).map(|(number, (_, heard))| labels(number, heard)).collect()
            };
            let groups: Vec<_> = shard.row_groups.iter().map(|group| of_group(group.rows)).collect();
            let layout = LabelLayout { top_k: 3, senones: senones.len() };
            let (bytes, info) = encode_label_shard(&shard.file, &groups, layout).unwrap();
            publish_shard(&store, &info.file, bytes).await.unwrap();
            shards.push(info);
        }
        let labels = LabelManifest::new("model".to_owned(), &manifest, 3, senones.clone(), shards).unwrap();
        labels.publish(&store).await.unwrap();
    }

    fn arguments(&self) -> Args {
        let defaults = AlignSettings::default();
        Args {
            features: self.at("set"),
            model: None,
            labels: Some(self.at("set-labels")),
            train_features: Some(self.at("train")),
            lexicon: LexiconFile {
                path: self.path("words.dict"),
                format: Format::Cmu,
                unknown_phones: UnknownPhones::Error,
            },
            unknown_words: UnknownWords::LeaveOut,
            results: Results {
                out: Some(self.at("out")),
                phones_ctm: Some(self.path("phones.ctm")),
                words_ctm: Some(self.path("words.ctm")),
            },
            scales: Scales {
                beam: defaults.beam,
                retry_beam: defaults.retry_beam,
                acoustic_scale: 1.0,
                prior_exponent: 0.0,
                transition_scale: 1.0,
                pause_probability: defaults.pause_probability,
            },
            json: Some(self.path("figures.json")),
            threads: 2,
        }
    }

    fn rows(&self, name: &str) -> Vec<(FeatureRow, Row)> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let set = open(&self.at(name)).await.unwrap();
            let columns: Vec<&str> =
                set.columns().iter().skip(7).map(|column| column.name.as_str()).collect();
            let mut rows = Vec::new();
            for (shard, row_group) in crate::labeled::places(&set.manifest().shards) {
                rows.extend(set.read_with(shard, row_group, &columns).await.unwrap());
            }
            rows
        })
    }
}

fn refused(arguments: &Args) -> String {
    format!("{:#}", run(arguments).unwrap_err())
}

fn said(row: &Row, column: &str) -> Vec<(String, u32, u32)> {
    let spans: &[Span] = row.column(column).unwrap();
    spans.iter().map(|span| (span.text.clone(), span.start_ms, span.start_ms + span.duration_ms)).collect()
}

#[test]
fn a_set_gets_the_alignments_that_a_model_hears_and_keeps_everything_else() {
    let world = World::new();
    let before = std::fs::read(world.path("set/manifest.json")).unwrap();
    run(&world.arguments()).unwrap();
    assert_eq!(std::fs::read(world.path("set/manifest.json")).unwrap(), before, "it is not changed in place");
    let old: BTreeMap<String, (FeatureRow, Row)> =
        world.rows("set").into_iter().map(|(row, further)| (row.utterance.clone(), (row, further))).collect();
    let rows = world.rows("out");
    let names: Vec<&str> = rows.iter().map(|(row, _)| row.utterance.as_str()).collect();
    assert_eq!(names, ["u0", "u1", "u6"]);
    for (row, further) in &rows {
        let number: usize = row.utterance[1..].parse().unwrap();
        let (old, old_further) = &old[&row.utterance];
        let heard = SenoneId::list(frames(SAID[number].1));
        assert_eq!(row.alignment.as_ref(), Some(&heard), "{}", row.utterance);
        assert_eq!(
            FeatureRow { alignment: None, ..row.clone() },
            FeatureRow { alignment: None, ..old.clone() }
        );
        let colour = |row: &Row| row.column::<u8>("colour").unwrap().to_vec();
        assert_eq!(colour(further), colour(old_further));
    }
    // Edges lie halfway between the centres of frames, which are at 22.5 + 30 f ms; pauses are not said.
    let spans = |list: &[(&str, u32, u32)]| -> Vec<(String, u32, u32)> {
        list.iter().map(|&(text, start, end)| (text.to_owned(), start, end)).collect()
    };
    let phones = [("a", 97, 217), ("b", 217, 337), ("b", 397, 517), ("a", 517, 637)];
    assert_eq!(said(&rows[0].1, Column::PHONES), spans(&phones));
    assert_eq!(said(&rows[0].1, Column::WORDS), spans(&[("ab", 97, 337), ("ba", 397, 637)]));
    assert_eq!(said(&rows[1].1, Column::WORDS), spans(&[("ba", 0, 247)]), "the first frame begins at 0");
    assert_eq!(said(&rows[2].1, Column::PHONES)[0].0, "b", "the second pronunciation");
}

#[test]
fn what_is_left_out_is_named_with_its_reason_and_the_rest_compared_with_before() {
    let world = World::new();
    run(&world.arguments()).unwrap();
    let figures = world.figures();
    assert_eq!((&figures["utterances"], &figures["frames"]), (&3.into(), &(24 + 8 + 13).into()));
    let left_out =
        |utterance: &str, detail: &str| serde_json::json!([{"utterance": utterance, "detail": detail}]);
    let expected = serde_json::json!({
        "no_text": left_out("u2", ""),
        "unknown_word": left_out("u3", "zebra"),
        "too_short": left_out("u4", "its words take at least 6 frames, it has 4"),
        "no_words": left_out("u5", "(laughs)"),
    });
    assert_eq!(figures["left_out"], expected);
    // One frame late: each change of phone is a frame of another phone.
    assert_eq!(
        (&figures["compared_frames"], &figures["same_phone_frames"]),
        (&45.into(), &(45 - 6 - 2 - 2).into())
    );
    assert_eq!(figures["same_phone_frames"], figures["same_senone_frames"]);
    assert_eq!(figures["model_fingerprint"], "model");
    let manifest: serde_json::Value = serde_json::from_str(&world.read("out/manifest.json")).unwrap();
    assert_eq!(manifest["fingerprint"], figures["fingerprint"]);
    assert_eq!(manifest["notes"]["made_from"], figures["features_fingerprint"]);
    assert_eq!(
        (&manifest["notes"]["alignment_shift_us"], &manifest["notes"]["aligned_by"]),
        (&"0".into(), &"model".into())
    );
}

#[test]
fn phones_and_words_are_written_with_their_times_and_phones_have_the_pauses_too() {
    let world = World::new();
    let mut arguments = world.arguments();
    arguments.results.out = None;
    run(&arguments).unwrap();
    assert!(!world.path("out").exists());
    let words = world.read("words.ctm");
    assert!(words.starts_with("u0 1 0.0975 0.24 ab\nu0 1 0.3975 0.24 ba\nu1 1 0.00 0.2475 ba\n"), "{words}");
    let phones = world.read("phones.ctm");
    assert!(phones.starts_with("u0 1 0.00 0.0975 SIL\nu0 1 0.0975 0.12 a\n"), "{phones}");
    assert_eq!(phones.lines().filter(|line| line.starts_with("u0 ")).count(), 7);
}

#[test]
fn the_same_call_again_changes_nothing_and_another_set_is_not_overwritten() {
    let world = World::new();
    run(&world.arguments()).unwrap();
    let manifest = world.read("out/manifest.json");
    run(&world.arguments()).unwrap();
    assert_eq!(world.read("out/manifest.json"), manifest);
    let others =
        Args { features: world.at("train"), labels: Some(world.at("train-labels")), ..world.arguments() };
    assert!(refused(&others).contains("out"), "another set is there");
    let in_place = Results { out: Some(world.at("set")), ..Results::default() };
    let error = run(&Args { results: in_place, ..world.arguments() }).unwrap_err();
    assert!(error.to_string().contains("for --out, found the one that --features reads"), "{error:#}");
    assert_eq!(crate::exit::of(&error), stentor_runtime::ExitStatus::Config);
    let other = Results { out: Some(world.at("train")), ..Results::default() };
    let error = run(&Args { results: other, train_features: None, ..world.arguments() }).unwrap_err();
    assert!(
        matches!(error.downcast_ref(), Some(stentor_shards::Error::AlreadyPublished { .. })),
        "{error:#}"
    );
    assert_eq!(world.read("out/manifest.json"), manifest);
}

#[test]
fn words_without_a_pronunciation_are_an_error_that_lists_them_before_anything_is_computed() {
    let world = World::new();
    let missing = |arguments: Args| Args { labels: Some(world.at("nowhere")), ..arguments };
    let error = refused(&missing(Args { unknown_words: UnknownWords::Error, ..world.arguments() }));
    assert!(error.contains("words.dict") && error.contains("found none of `zebra`"), "{error}");
    assert!(error.contains("--unknown-words leave-out"), "{error}");
    world.write("words.dict", "ab a b\nba b X\n");
    let error = refused(&missing(world.arguments()));
    assert!(
        error.contains("phone `X` of word `ba` is unknown") && error.contains("--unknown-phones"),
        "{error}"
    );
}

#[test]
fn a_set_without_texts_another_inventory_and_impossible_scales_are_refused_by_name() {
    let world = World::new();
    world.write_set("mute", &[(None, "ab")], &PHONES);
    let mute =
        Args { features: world.at("mute"), labels: Some(world.at("mute-labels")), ..world.arguments() };
    let error = refused(&mute);
    assert!(error.contains("mute: expected utterances with a text, found none"), "{error}");
    world.write_set("others", &[(Some("ab"), "ab")], &["SIL", "a", "c"]);
    let error = refused(&Args { train_features: Some(world.at("others")), ..world.arguments() });
    assert!(error.contains("others: expected the senones of"), "{error}");
    let error = refused(&Args { labels: Some(world.at("train-labels")), ..world.arguments() });
    assert!(error.contains("train-labels"), "labels of another set: {error}");
    let mut arguments = world.arguments();
    arguments.scales.retry_beam = 1.0;
    assert!(refused(&arguments).contains("`retry_beam`"));
    // Nothing that can be aligned.
    world.write_set("short", &[(Some("ab ab ab"), "a"), (Some("ba"), "..")], &PHONES);
    let short =
        Args { features: world.at("short"), labels: Some(world.at("short-labels")), ..world.arguments() };
    let short = Args { scales: Scales { beam: 1.0, retry_beam: 1.0, ..world.arguments().scales }, ..short };
    let error = run(&short).unwrap_err();
    assert_eq!(exit::of(&error), ExitStatus::Data);
    let error = format!("{error:#}");
    assert!(!world.path("out/manifest.json").exists(), "nothing is published");
    assert!(error.contains("short: none of its utterances could be aligned: 1 utterance shorter"), "{error}");
}

#[test]
fn at_least_one_result_is_asked_for() {
    use clap::Parser;
    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }
    let line = ["align", "--features", "f", "--labels", "l", "--lexicon", "d"];
    let error = Line::try_parse_from(line).unwrap_err().to_string();
    assert!(error.contains("--out") && error.contains("--phones-ctm"), "{error}");
    let line = Line::try_parse_from(line.iter().chain(&["--words-ctm", "w"])).unwrap();
    assert_eq!(line.args.scales.settings(), AlignSettings::default());
}
