//! A small corpus of synthetic tones with an exact alignment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use stentor_shards::{Column, Row, Span};
use tempfile::TempDir;

/// A folder with a Kaldi-style corpus, a CTM file and an output folder.
pub(super) struct Corpus {
    pub(super) folder: TempDir,
}

/// Duration in milliseconds of the utterance with this number.
pub(super) fn milliseconds(i: usize) -> usize {
    600 + 37 * (i % 11)
}

pub(super) fn wav(rate_hz: u32, samples: &[i16]) -> Vec<u8> {
    let data = samples.len() as u32 * 2;
    let mut bytes = Vec::new();
    bytes.extend(b"RIFF");
    bytes.extend((36 + data).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(rate_hz.to_le_bytes());
    bytes.extend((rate_hz * 2).to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(data.to_le_bytes());
    samples.iter().for_each(|s| bytes.extend(s.to_le_bytes()));
    bytes
}

/// A low tone followed by a high one; the change is in the middle. No two `clip`s are the same.
fn two_tones(rate_hz: u32, milliseconds: usize, clip: usize) -> Vec<i16> {
    let samples = rate_hz as usize * milliseconds / 1_000;
    let tone = |i: usize| {
        let hz = if i < samples / 2 { 300.0 } else { 2_000.0 };
        let wave = (std::f64::consts::TAU * hz * i as f64 / f64::from(rate_hz)).sin();
        // Some noise, because otherwise most bins would contain only rounding errors.
        (8_000.0 * wave) as i16 + ((i * 7_919 + clip) % 61) as i16
    };
    (0..samples).map(tone).collect()
}

impl Corpus {
    /// Writes `utterances` clips at `rate_hz`, four to a group; every tenth has no text. The CTM contains LOW and HIGH.
    pub(super) fn new(utterances: usize, rate_hz: u32) -> Self {
        let corpus = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(corpus.data()).unwrap();
        let [mut scp, mut text, mut groups, mut speakers, mut ctm] = [const { String::new() }; 5];
        for i in 0..utterances {
            let id = format!("u{i:03}");
            std::fs::write(
                corpus.data().join(format!("{id}.wav")),
                wav(rate_hz, &two_tones(rate_hz, milliseconds(i), i)),
            )
            .unwrap();
            writeln!(scp, "{id} {id}.wav").unwrap();
            writeln!(groups, "{id} g{:02}", i / 4).unwrap();
            writeln!(speakers, "{id} s{}", i % 2).unwrap();
            if i % 10 != 9 {
                writeln!(text, "{id} LOW HIGH {i}").unwrap();
            }
            let half = milliseconds(i) as f64 / 2_000.0;
            writeln!(ctm, "{id} 1 0 {half} LOW\n{id} 1 {half} {half} HIGH").unwrap();
        }
        for (name, table) in [("wav.scp", scp), ("text", text), ("utt2group", groups), ("utt2spk", speakers)]
        {
            corpus.write(name, &table);
        }
        std::fs::write(corpus.ctm(), ctm).unwrap();
        corpus
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(super) fn ctm(&self) -> PathBuf {
        self.folder.path().join("phones.ctm")
    }

    pub(super) fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, table: &str, text: &str) {
        std::fs::write(self.data().join(table), text).unwrap();
    }

    pub(super) fn read(&self, table: &str) -> String {
        std::fs::read_to_string(self.data().join(table)).unwrap()
    }
}

/// The rows of a published set.
pub(super) fn rows(out: &Path, set: &str) -> Vec<stentor_shards::FeatureRow> {
    let store = stentor_store::Store::open(out.join(set).to_str().unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let set = stentor_shards::FeatureSet::open(&store).await.unwrap();
        let mut rows = Vec::new();
        for (shard, info) in set.manifest().shards.iter().enumerate() {
            for group in 0..info.row_groups.len() {
                rows.extend(set.read(shard, group).await.unwrap());
            }
        }
        rows
    })
}

/// The phones of the utterances of a published set, with times; `None` for a set without them.
pub(super) fn phones(out: &Path, set: &str) -> Option<BTreeMap<String, Vec<Span>>> {
    spans(out, set, Column::PHONES)
}

/// The words of the utterances that have any, with times; `None` for a set without them.
pub(super) fn words(out: &Path, set: &str) -> Option<BTreeMap<String, Vec<Span>>> {
    spans(out, set, Column::WORDS)
}

fn spans(out: &Path, set: &str, column: &str) -> Option<BTreeMap<String, Vec<Span>>> {
    let store = stentor_store::Store::open(out.join(set).to_str().unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let set = stentor_shards::FeatureSet::open(&store).await.unwrap();
        if !set.has(column) {
            return None;
        }
        let mut spans = BTreeMap::new();
        for (shard, info) in set.manifest().shards.iter().enumerate() {
            for group in 0..info.row_groups.len() {
                let rows = set.rows(shard, group, &[column]).await.unwrap();
                let said =
                    |mut row: Row| Some((row.utterance.clone(), row.take_option::<Span>(column).unwrap()?));
                spans.extend(rows.into_iter().filter_map(said));
            }
        }
        Some(spans)
    })
}

/// The groups of dev and test in a prepared folder.
pub(super) fn held_out_groups(out: &Path) -> BTreeSet<String> {
    let split: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("split.json")).unwrap()).unwrap();
    let groups = ["dev", "test"].map(|set| split["sets"][set]["groups"].as_array().unwrap().clone());
    groups.iter().flatten().map(|group| group.as_str().unwrap().to_owned()).collect()
}
