use super::*;
use crate::exit;
use crate::made_up::{Folder, inventory};
use crate::material::{Format, UnknownPhones};
use stentor_experiment::Features;
use stentor_inventory::SenoneId;
use stentor_shards::{FeatureSetOptions, LabelSet, f16};

/// An utterance: its group, what was said, and what a model hears, by frames: letters are phones, `.` is a pause.
type Said = (&'static str, &'static str, &'static str);

/// In the second and third, a frame in the midst of a phone sounds like the other one. The last is too short for any word.
const SAID: [Said; 5] = [
    ("g0", "..aaaabbbb..", "..aaaabbbb.."),
    ("g1", "..aaaabbbb..", "..aababbbb.."),
    ("g2", "..bbbbaaaa..", "..bbbbaaba.."),
    ("g3", "..aaaabbbb..", "..aaaabbbb.."),
    ("g0", ".", "."),
];

fn id(frame: char) -> u16 {
    match frame {
        '.' => 0,
        'a' => 1,
        _ => 2,
    }
}

struct World(Folder);

impl World {
    fn new() -> Self {
        let world = Self(Folder::new());
        world.write_set("train", &[("t", "..aaaabbbb..", ""), ("t", "..bbbbaaaa...bbbbaaaa..", "")]);
        world.write_set("set", &SAID);
        world.0.write_words("AB a b\nBA b a\n", "ab\nba\nab ba\nba ab\n");
        world
    }

    fn write_set(&self, name: &str, said: &[Said]) {
        let settings = Features { mel_bins: 8, stack: 1, ..Features::default() };
        let mut options = FeatureSetOptions::new(settings, inventory(&["SIL", "a", "b"]), 8000.0);
        (options.row_group_frames, options.shard_frames) = (20, 20);
        let rows = said.iter().enumerate().map(|(number, (group, said, _))| FeatureRow {
            utterance: format!("u{number}"),
            speaker: "s".to_owned(),
            group: (*group).to_owned(),
            features: vec![f16::ZERO; 8 * said.len()],
            text: Some("ab".to_owned()),
            alignment: Some(SenoneId::list(said.chars().map(id))),
        });
        let labels = said.iter().enumerate().map(|(number, (_, said, heard))| {
            let heard = if heard.is_empty() { said } else { heard };
            let ids = SenoneId::list(heard.chars().zip(said.chars()).flat_map(|(heard, said)| {
                let other = if said == heard { (id(heard) + 1) % 3 } else { id(said) };
                [id(heard), other]
            }));
            // Nearly sure where it is right, and hardly where it is wrong.
            let sure = |(heard, said)| if heard == said { [0.95_f32, 0.03] } else { [0.5, 0.45] };
            let kept: Vec<f32> = heard.chars().zip(said.chars()).flat_map(sure).collect();
            let residual: Vec<f32> = kept.chunks(2).map(|kept| 1.0 - kept[0] - kept[1]).collect();
            let logs: Vec<f32> = kept.into_iter().map(f32::ln).collect();
            LabelRow::quantise(format!("u{number}"), ids, &logs, &residual)
        });
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let set = self.0.write_set(name, options, rows.collect()).await;
            self.0.write_labels(&format!("{name}-labels"), &set, 2, labels.collect()).await;
        });
    }

    fn arguments(&self, out: &str) -> Args {
        Args {
            features: self.0.at("set"),
            labels: self.0.at("set-labels"),
            out: self.0.at(out),
            train_features: self.0.at("train"),
            lexicon: LexiconFile {
                path: self.0.path("words.dict"),
                format: Format::Cmu,
                unknown_phones: UnknownPhones::Error,
            },
            lm: vec![self.0.path("lm.arpa")],
            settings: None,
            share: 0.5,
            draws: 16,
            seed: 1,
            index: 0,
            of: 1,
            json: Some(self.0.path("figures.json")),
            threads: 2,
        }
    }

    fn figures(&self) -> serde_json::Value {
        serde_json::from_str(&self.0.read("figures.json")).unwrap()
    }

    /// The labels of a set, utterance by utterance.
    fn labels(&self, name: &str) -> Vec<LabelRow> {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let set = LabelSet::open(&Store::open(&self.0.at(name)).unwrap()).await.unwrap();
            let mut rows = Vec::new();
            for (shard, row_group) in crate::labeled::places(&set.manifest().shards) {
                rows.extend(set.read(shard, row_group).await.unwrap());
            }
            rows
        })
    }
}

fn best(row: &LabelRow) -> Vec<u16> {
    (0..row.frames()).map(|frame| row.senones(frame)[0].number()).collect()
}

fn ids(said: &str) -> Vec<u16> {
    said.chars().map(id).collect()
}

#[test]
fn a_frame_that_no_word_explains_is_labeled_with_what_the_words_say() {
    let world = World::new();
    run(&world.arguments("refined")).unwrap();
    let found = world.figures();
    assert_eq!((&found["before"]["frames"], &found["before"]["errors"]), (&49.into(), &2.into()));
    assert_eq!(found["after"]["errors"], 0, "{found}");
    assert!(found["after"]["nats"].as_f64() < found["before"]["nats"].as_f64(), "{found}");
    let refined = world.labels("refined");
    for (row, (_, said, _)) in refined.iter().zip(SAID) {
        assert_eq!(best(row), ids(said), "{}", row.utterance);
    }
    // No word can be aligned with one frame: its labels stay.
    let kept = found["no_alignment"].as_u64().unwrap() + found["no_path"].as_u64().unwrap();
    assert_eq!(kept, 1, "{found}");
    assert_eq!(refined[4], world.labels("set-labels")[4]);
    assert_ne!(found["refined_fingerprint"], found["model_fingerprint"]);
}

#[test]
fn the_labels_depend_neither_on_threads_nor_on_how_machines_share_the_work() {
    let world = World::new();
    run(&world.arguments("one")).unwrap();
    run(&Args { threads: 1, index: 1, of: 2, ..world.arguments("two") }).unwrap();
    assert!(world.figures()["fingerprint"].is_null(), "half of the shards are missing");
    run(&Args { index: 0, of: 2, ..world.arguments("two") }).unwrap();
    assert_eq!(world.0.read("one/manifest.json"), world.0.read("two/manifest.json"));
    assert_eq!(world.labels("one"), world.labels("two"));
    // Once more: everything is there.
    run(&world.arguments("two")).unwrap();
    let found = world.figures();
    assert_eq!((&found["utterances"], &found["shards_found"]), (&0.into(), &3.into()), "{found}");
}

#[test]
fn a_folder_with_other_labels_is_refused() {
    let world = World::new();
    run(&world.arguments("refined")).unwrap();
    for other in [
        Args { share: 0.4, ..world.arguments("refined") },
        Args { draws: 17, ..world.arguments("refined") },
        Args { seed: 2, ..world.arguments("refined") },
    ] {
        let error = run(&other).unwrap_err();
        assert_eq!(exit::of(&error), ExitStatus::Config);
        let said = format!("{error:#}");
        assert!(said.contains("name another folder") && said.contains("refined"), "{said}");
    }
}

#[test]
fn each_group_is_refined_with_the_language_model_that_has_not_seen_its_texts() {
    let world = World::new();
    let of = |number: usize, word: &str| {
        world.0.write_words("AB a b\nBA b a\n", &format!("{word}\n"));
        let path = world.0.path(&format!("lm{number}.arpa"));
        std::fs::copy(world.0.path("lm.arpa"), &path).unwrap();
        path
    };
    // One knows the first word only, the other the second.
    let lm = vec![of(0, "ab"), of(1, "ba")];
    run(&Args { lm, share: 1.0, ..world.arguments("refined") }).unwrap();
    let mut seen = [false; 2];
    for (row, (group, ..)) in world.labels("refined").iter().zip(SAID).take(4) {
        let (of_group, labels) = (fold(group, 2), best(row));
        let first = labels.iter().find(|id| **id > 0);
        assert_eq!(first, Some(&[1, 2][of_group]), "{group}: {labels:?}");
        seen[of_group] = true;
    }
    assert_eq!(seen, [true; 2], "the groups are in both folds");
}
