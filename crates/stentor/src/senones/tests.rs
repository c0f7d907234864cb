use super::apply::{self, UnknownPhones};
use super::grow::{self, Neighbours, States};
use super::read_tree;
use crate::exit;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use stentor_experiment::Features;
use stentor_inventory::{Inventory, Match};
use stentor_runtime::ExitStatus;
use stentor_senones::Tree;
use stentor_shards::{
    Column, FeatureRow, FeatureSet, FeatureSetOptions, FeatureWriter, Normalisation, Row, Span, Values, f16,
};
use stentor_store::Store;
use tempfile::TempDir;

/// Times of phones and words are this much too early, as those of an aligner are.
const SHIFT_MS: u32 = 10;

/// Frames of a phone: by itself, and beside others of its word. SIL is a pause.
type Phone = (char, usize);

/// Words that are said in each utterance, in one of several orders, with pauses.
const WORDS: [&[Phone]; 4] =
    [&[('A', 2), ('B', 1)], &[('C', 1), ('B', 3)], &[('B', 2)], &[('C', 2), ('B', 2), ('A', 1)]];

/// Words without the phone C.
const WITHOUT_C: [&[Phone]; 2] = [&[('A', 2), ('B', 1)], &[('B', 2)]];

struct Sets {
    folder: TempDir,
    /// What the phone C is called.
    c: &'static str,
}

fn settings() -> Features {
    Features { mel_bins: 4, stack: 3, ..Features::default() }
}

fn senones(c: &str) -> Inventory {
    let states =
        ["A", "B", c, "SIL"].into_iter().flat_map(|phone| (0..3).map(|state| (phone.to_owned(), state)));
    Inventory::of_states(states, &[]).unwrap()
}

/// An utterance: what is said, and a frame for each 30 ms. B sounds different after C.
struct Said {
    frames: Vec<char>,
    features: Vec<f16>,
    phones: Vec<Span>,
    words: Vec<Span>,
}

fn said(number: usize, words: &[&[Phone]]) -> Said {
    let mut said = Said { frames: Vec::new(), features: Vec::new(), phones: Vec::new(), words: Vec::new() };
    let say = |said: &mut Said, (phone, frames): Phone, before: char| {
        let start = said.frames.len();
        for frame in start..start + frames {
            let place = "ABCS".find(phone).unwrap_or_default() as f32;
            let colour = if (before, phone) == ('C', 'B') { 8.0 } else { 0.0 };
            let noise = |bin: usize| ((number * 31 + frame * 17 + bin * 7) % 13) as f32 / 13.0;
            let value = |bin: usize| f16::from_f32(10.0 * place + colour + noise(bin));
            said.features.extend((0..12).map(value));
            said.frames.push(phone);
        }
        if phone != 'S' {
            said.phones.push(span(&phone.to_string(), start, frames));
        }
    };
    say(&mut said, ('S', 2), 'S');
    for place in 0..words.len() {
        let word = words[(place * (1 + 2 * (number % 2)) + number) % words.len()];
        let start = said.frames.len();
        let mut before = 'S';
        for &phone in word {
            say(&mut said, phone, before);
            before = phone.0;
        }
        let name: String = word.iter().map(|(phone, _)| phone).collect();
        let frames = said.frames.len() - start;
        said.words.push(span(&name, start, frames));
        if (number + place).is_multiple_of(3) {
            say(&mut said, ('S', 1), before);
        }
    }
    said
}

fn span(text: &str, first: usize, frames: usize) -> Span {
    let start_ms = (30 * first as u32).saturating_sub(SHIFT_MS);
    let duration_ms = 30 * (first + frames) as u32 - SHIFT_MS - start_ms;
    Span { text: text.to_owned(), start_ms, duration_ms }
}

impl Sets {
    fn new(c: &'static str) -> Self {
        let sets = Sets { folder: tempfile::tempdir().unwrap(), c };
        sets.write("annotated", 0..60, &[Column::phones(), Column::words().optional()]);
        sets.write("dev", 60..70, &[Column::phones(), Column::words().optional()]);
        sets.write("unannotated", 70..80, &[]);
        sets
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Writes a set; with columns, its utterances are aligned.
    fn write(&self, name: &str, utterances: std::ops::Range<usize>, columns: &[Column]) {
        self.write_words(name, utterances, columns, |_| &WORDS);
    }

    /// The same, with these words in each utterance.
    fn write_words(
        &self,
        name: &str,
        utterances: std::ops::Range<usize>,
        columns: &[Column],
        words: fn(usize) -> &'static [&'static [Phone]],
    ) {
        let options = FeatureSetOptions {
            columns: columns.to_vec(),
            row_group_frames: 100,
            ..FeatureSetOptions::new(settings(), senones(self.c), 8_000.0)
        };
        block_on(async {
            let mut writer = FeatureWriter::new(Store::open(&self.at(name)).unwrap(), options).unwrap();
            for number in utterances {
                let Said { frames, features, mut phones, words } = said(number, words(number));
                phones
                    .iter_mut()
                    .filter(|span| span.text == "C")
                    .for_each(|span| span.text = self.c.to_owned());
                let middle = |phone: &char| {
                    let name = ["A", "B", self.c, "SIL"]["ABCS".find(*phone).unwrap()];
                    match senones(self.c).find(name, 1) {
                        Ok(Match::Exact(id)) => id,
                        other => panic!("{other:?}"),
                    }
                };
                let row = FeatureRow {
                    utterance: format!("u{number}"),
                    speaker: "s".to_owned(),
                    group: "g".to_owned(),
                    features,
                    alignment: (!columns.is_empty()).then(|| frames.iter().map(middle).collect()),
                    text: None,
                };
                let values = columns.iter().map(|column| match column.name.as_str() {
                    Column::PHONES => (Column::PHONES, Values::from(phones.clone())),
                    _ => (Column::WORDS, Values::from(words.clone())),
                });
                writer.push_with(row, values.collect::<Vec<_>>()).await.unwrap();
            }
            let normalisation = Normalisation { mean: vec![15.0; 12], std: vec![12.0; 12] };
            let notes = BTreeMap::from([("alignment_shift_us".to_owned(), format!("{SHIFT_MS}000"))]);
            writer.finish(Some(normalisation), notes).await.unwrap();
        });
    }

    fn grow(&self, change: impl FnOnce(&mut grow::Args)) -> anyhow::Result<serde_json::Value> {
        let json = self.path("grown.json");
        let mut arguments = grow::Args {
            features: self.at("annotated"),
            out: self.path("senones.tree"),
            leaves: 3_000,
            min_frames: 10,
            states: States::FirstThenRest,
            context: Neighbours::WithinWords,
            json: Some(json.clone()),
        };
        change(&mut arguments);
        block_on(grow::run(&arguments))?;
        Ok(serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap())
    }

    fn apply(&self, from: &str, to: &str) -> anyhow::Result<()> {
        self.apply_with(from, to, UnknownPhones::Error)
    }

    fn apply_with(&self, from: &str, to: &str, unknown_phones: UnknownPhones) -> anyhow::Result<()> {
        block_on(apply::run(&apply::Args {
            tree: self.path("senones.tree"),
            features: self.at(from),
            out: self.at(to),
            unknown_phones,
            json: Some(self.path(&format!("{to}.json").replace('/', "-"))),
        }))
    }

    fn set(&self, name: &str) -> FeatureSet {
        block_on(FeatureSet::open(&Store::open(&self.at(name)).unwrap())).unwrap()
    }

    fn rows(&self, name: &str) -> Vec<(FeatureRow, Row)> {
        let set = self.set(name);
        let columns: &[&str] = if set.has(Column::PHONES) { &[Column::PHONES, Column::WORDS] } else { &[] };
        let mut rows = Vec::new();
        for (shard, info) in set.manifest().shards.iter().enumerate() {
            for row_group in 0..info.row_groups.len() {
                rows.extend(block_on(set.read_with(shard, row_group, columns)).unwrap());
            }
        }
        rows
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn a_tree_grown_from_the_annotated_set_gives_all_sets_of_a_corpus_its_senones() {
    let sets = Sets::new("C");
    let grown = sets.grow(|_| ()).unwrap();
    let tree = read_tree(&sets.path("senones.tree")).unwrap();
    assert_eq!(grown["fingerprint"], tree.fingerprint().unwrap());
    assert_eq!((&grown["utterances"], &grown["boundary"]), (&60.into(), &"SIL".into()));
    for name in ["annotated", "dev", "unannotated"] {
        sets.apply(name, &format!("tied/{name}")).unwrap();
        let set = sets.set(&format!("tied/{name}"));
        assert_eq!(set.manifest().senones, tree.inventory().unwrap(), "{name}");
        let kept = block_on(set.tree()).unwrap().unwrap();
        assert_eq!(Tree::of(&set.manifest().senones, &kept).unwrap(), tree, "{name}");
        assert_eq!(set.manifest().notes["made_from"], sets.set(name).manifest().fingerprint);
    }
    let senones = tree.inventory().unwrap();
    let mut of_b: BTreeMap<bool, BTreeSet<&str>> = BTreeMap::new();
    for name in ["annotated", "dev"] {
        let (before, after) = (sets.rows(name), sets.rows(&format!("tied/{name}")));
        assert!(before.len() >= 10 && before.len() == after.len());
        for ((old, further), (new, same)) in before.into_iter().zip(after) {
            assert_eq!(further, same);
            let (ids, old_ids) = (new.alignment.clone().unwrap(), old.alignment.clone().unwrap());
            assert_eq!(FeatureRow { alignment: None, ..new }, FeatureRow { alignment: None, ..old });
            let phones: Vec<&str> = ids.iter().map(|id| senones.get(*id).unwrap().phone.as_str()).collect();
            let untied = self::senones("C");
            let old_phones: Vec<&str> =
                old_ids.iter().map(|id| untied.get(*id).unwrap().phone.as_str()).collect();
            assert_eq!(phones, old_phones, "phones of frames do not change");
            let number: usize = further.utterance[1..].parse().unwrap();
            let begins: BTreeSet<usize> = said(number, &WORDS)
                .phones
                .iter()
                .map(|span| (span.start_ms + SHIFT_MS) as usize / 30)
                .collect();
            for frame in 1..ids.len() {
                let senone = senones.get(ids[frame]).unwrap();
                // A word may begin with the phone that the word before ends with.
                let is_first = phones[frame] != phones[frame - 1] || begins.contains(&frame);
                if phones[frame] == "B" && is_first {
                    of_b.entry(phones[frame - 1] == "C").or_default().insert(&senone.name);
                }
                if phones[frame] != "B" {
                    assert_eq!(senone.state, u8::from(!is_first), "{} {frame}", further.utterance);
                }
            }
        }
    }
    assert!(of_b[&true].is_disjoint(&of_b[&false]), "B after C is a senone of its own: {of_b:?}");
    let inode = |name: &str| std::fs::metadata(sets.path(name).join("part-00000.parquet")).unwrap().ino();
    assert_eq!(inode("unannotated"), inode("tied/unannotated"), "the same file with a second name");
}

#[test]
fn growth_stops_at_the_leaves_wished_for_or_where_senones_would_get_too_few_frames() {
    let sets = Sets::new("C");
    let senones = |grown: serde_json::Value| grown["senones"].as_u64().unwrap();
    let most = senones(sets.grow(|_| ()).unwrap());
    let roots = 8;
    assert!(most > roots + 1, "{most}");
    assert_eq!(senones(sets.grow(|arguments| arguments.leaves = 9).unwrap()), 9);
    assert_eq!(senones(sets.grow(|arguments| arguments.min_frames = 100_000).unwrap()), roots);
    let error = sets.grow(|arguments| arguments.leaves = 7).unwrap_err();
    assert_eq!(exit::of(&error), ExitStatus::Config);
    assert!(format!("{error:#}").contains("--leaves: expected at least 8 leaves"), "{error:#}");
    for (states, expected) in [(States::Single, 4), (States::Thirds, 12)] {
        let grown = sets.grow(|arguments| {
            arguments.states = states;
            arguments.min_frames = 100_000;
        });
        assert_eq!(senones(grown.unwrap()), expected);
    }
}

#[test]
fn neighbours_are_looked_for_across_words_on_request() {
    let sets = Sets::new("C");
    let grown = |context| sets.grow(|arguments| arguments.context = context).unwrap();
    let (within, across) = (grown(Neighbours::WithinWords), grown(Neighbours::AcrossWords));
    let said = |grown: &serde_json::Value| grown["seen"]["states"].as_u64().unwrap();
    assert!(said(&across) > said(&within), "{} {}", said(&across), said(&within));
    // Without words only that is possible.
    sets.write("wordless", 0..60, &[Column::phones()]);
    let wordless = |context| {
        sets.grow(|arguments| {
            arguments.features = sets.at("wordless");
            arguments.context = context;
        })
    };
    assert_eq!(wordless(Neighbours::AcrossWords).unwrap()["fingerprint"], across["fingerprint"]);
    let error = format!("{:#}", wordless(Neighbours::WithinWords).unwrap_err());
    assert!(error.contains("no times of words") && error.contains("--context across-words"), "{error}");
}

#[test]
fn a_set_without_what_a_tree_needs_is_refused_and_nothing_is_written() {
    let sets = Sets::new("C");
    let error = sets.grow(|arguments| arguments.features = sets.at("unannotated")).unwrap_err();
    assert!(error.to_string().contains("no phones with times"), "{error}");
    assert!(!sets.path("senones.tree").exists());
    // A tree of speech in which nobody said C.
    let others = Sets::new("K");
    others.grow(|_| ()).unwrap();
    let whole = std::fs::read(others.path("senones.tree")).unwrap();
    std::fs::write(sets.path("senones.tree"), &whole).unwrap();
    let error = format!("{:#}", sets.apply("annotated", "tied").unwrap_err());
    assert!(
        error.contains("utterance `u0`") && error.contains("phone `C` is not one of the tree's"),
        "{error}"
    );
    assert!(error.contains("--unknown-phones leave-out"), "{error}");
    assert!(!sets.path("tied/manifest.json").exists());
    std::fs::write(sets.path("senones.tree"), &whole[..whole.len() / 2]).unwrap();
    let error = format!("{:#}", sets.apply("annotated", "tied").unwrap_err());
    assert!(error.contains("senones.tree") && error.contains("damaged"), "{error}");
}

#[test]
fn utterances_with_phones_that_the_tree_lacks_are_left_out_on_request_and_counted() {
    let sets = Sets::new("C");
    // A tree of speech in which nobody said C, and a set in which one utterance has it.
    let others = Sets::new("K");
    others.grow(|_| ()).unwrap();
    std::fs::copy(others.path("senones.tree"), sets.path("senones.tree")).unwrap();
    let columns = [Column::phones(), Column::words().optional()];
    sets.write_words("mixed", 0..3, &columns, |number| if number == 1 { &WORDS } else { &WITHOUT_C });
    let error = format!("{:#}", sets.apply("mixed", "refused").unwrap_err());
    assert!(error.contains("utterance `u1`") && error.contains("phone `C`"), "{error}");
    sets.apply_with("mixed", "tied/mixed", UnknownPhones::LeaveOut).unwrap();
    let kept: Vec<String> = sets.rows("tied/mixed").into_iter().map(|(row, _)| row.utterance).collect();
    assert_eq!(kept, ["u0", "u2"]);
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(sets.path("tied-mixed.json")).unwrap()).unwrap();
    assert_eq!((&json["left_out"], &json["utterances"]), (&serde_json::json!({ "C": 1 }), &2.into()));
}
