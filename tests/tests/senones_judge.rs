//! Tying trees against an outside judge: `kaldi-hmm-gmm`, Kaldi's training code as a Python package.
//!
//! The package has Kaldi's likelihoods, but not `build-tree`. So the judge is Kaldi's recipe, written down once more. It gets the
//! same statistics and none of our questions.
//!
//! Judged are made-up worlds of several seeds, and real speech: the small corpus, aligned and tied by the real programs.
//!
//! Needs a Python with `kaldi-hmm-gmm` and `numpy`, and the small corpus; `cargo xtask test` names them in `STENTOR_PYTHON` and
//! `STENTOR_CORPORA`.

// Figures for whoever runs the test.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_audio::FrameClock;
use stentor_senones::{
    Growth, Questions, Roots, Said, Scheme, Sounding, Statistics, Tree, drawn_statistics, judge_file, spans,
    words,
};
use stentor_shards::{Column, FeatureSet, Span};
use stentor_store::Store;
use stentor_tests::observe::in_checkout;
use stentor_tests::program;

const FLOOR: f64 = 0.01;

/// Kaldi's recipe over Kaldi's likelihoods; the benchmark runs it, too.
const JUDGE: &str = include_str!("../../crates/lab/src/bench/recognition/tree.py");

/// The judge's likelihood of all roots, and its total gain at each number of leaves.
fn judged(statistics: &Statistics, scheme: &Scheme, minimum_count: f64, leaves: &[usize]) -> (f64, Vec<f64>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("statistics");
    std::fs::write(&path, judge_file(statistics, scheme)).expect("a temporary folder can be written");
    let output = Command::new(from_environment("STENTOR_PYTHON"))
        .args(["-c", JUDGE])
        .arg(&path)
        .args([FLOOR.to_string(), minimum_count.to_string()])
        .args(leaves.iter().map(ToString::to_string))
        .output()
        .expect("STENTOR_PYTHON runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "the judge failed: STENTOR_PYTHON needs `kaldi-hmm-gmm` and numpy\n{errors}"
    );
    let lines = String::from_utf8(output.stdout).expect("the judge prints numbers");
    let mut numbers = lines.lines().map(|line| line.parse().expect("a number on each line"));
    let roots = numbers.next().expect("the likelihood of the roots");
    let gains: Vec<f64> = numbers.collect();
    assert_eq!(gains.len(), leaves.len());
    (roots, gains)
}

fn from_environment(name: &str) -> PathBuf {
    let value = std::env::var_os(name).map(PathBuf::from);
    value.unwrap_or_else(|| panic!("{name} is not set: run these tests by `cargo xtask test`"))
}

/// Grows trees and compares their gains with the judge's; returns the last tree.
fn compare(
    what: &str,
    statistics: &Statistics,
    scheme: &Scheme,
    minimum_count: f64,
    leaves: &[usize],
) -> Tree {
    let (roots, expected) = judged(statistics, scheme, minimum_count, leaves);
    let questions = Questions::from_data(statistics, scheme, FLOOR).expect("the floor is above 0");
    let mut last = None;
    for (&leaves, expected) in leaves.iter().zip(expected) {
        let growth = Growth {
            scheme,
            roots: Roots::PhoneState,
            leaves,
            minimum_count,
            minimum_gain: 0.0,
            merge_below: None,
            variance_floor: FLOOR,
        };
        let grown = growth.grow(statistics, &questions).expect("the world can be tied");
        assert_eq!(grown.tree.senones(), leaves, "there are states enough to split");
        let error = (grown.roots - roots).abs() / roots.abs();
        assert!(error < 1e-5, "the roots' likelihood is {}, Kaldi's {roots}", grown.roots);
        let ratio = grown.gains.iter().sum::<f64>() / expected;
        println!("{what}, {leaves} leaves: gain {ratio:.4} of Kaldi's, {expected:.0}");
        assert!(ratio >= 0.99, "{what}, {leaves} leaves: {ratio}");
        last = Some(grown.tree);
    }
    last.expect("some number of leaves")
}

#[test]
fn the_gain_at_100_500_and_3000_leaves_is_at_least_0_99_of_kaldi_s() {
    let drawn = |seed| drawn_statistics(seed).expect("a world");
    let (scheme, statistics) = drawn(11);
    compare("world 11", &statistics, &scheme, 20.0, &[100, 500, 3_000]);
    for seed in [12, 13, 14] {
        let (scheme, statistics) = drawn(seed);
        compare(&format!("world {seed}"), &statistics, &scheme, 20.0, &[100, 500]);
    }
}

/// Runs `stentor`.
fn stentor(arguments: &[&str]) {
    let output = Command::new(program("stentor")).args(arguments).output().expect("stentor runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Every third utterance of the small corpus, aligned.
fn prepare(folder: &Path) -> String {
    let corpus = from_environment("STENTOR_CORPORA").join("asterisk");
    let part = folder.join("corpus");
    std::fs::create_dir(&part).expect("a folder");
    for table in ["wav.scp", "text"] {
        let text = std::fs::read_to_string(corpus.join(table)).expect("the corpus is there");
        // By the sum of the name's bytes, so that both tables have the same utterances.
        let chosen = |line: &&str| {
            let id = line.split(' ').next().unwrap_or_default();
            id.bytes().map(u32::from).sum::<u32>() % 3 == 0
        };
        let lines: Vec<&str> = text.lines().filter(chosen).collect();
        std::fs::write(part.join(table), lines.join("\n") + "\n").expect("a folder");
    }
    let path = |path: &Path| path.to_str().expect("a path").to_owned();
    let aligner = format!("python3 '{}'", path(&in_checkout("deploy/aligner/align.py")));
    let out = path(&folder.join("data"));
    let shares = ["--annotated", "0.9", "--dev", "0", "--test", "0"];
    let part = path(&part);
    let arguments = ["prepare", "--corpus", &part, "--out", &out, "--aligner", &aligner];
    stentor(&[&arguments[..], &shares[..]].concat());
    format!("{out}/annotated")
}

/// The Gaussians of a set's frames, from its columns.
fn statistics_of(set: &FeatureSet, scheme: &Scheme) -> Statistics {
    let manifest = set.manifest();
    let normalisation = manifest.normalisation.as_ref().expect("an annotated set");
    let clock = FrameClock::new(&manifest.settings);
    let shift: i64 = manifest.notes["alignment_shift_us"].parse().expect("a number");
    let mut statistics = Statistics::new(manifest.dimension).expect("frames have values");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for (shard, info) in manifest.shards.iter().enumerate() {
        for row_group in 0..info.row_groups.len() {
            let columns = [Column::PHONES, Column::WORDS];
            let rows = runtime.block_on(set.read_with(shard, row_group, &columns)).expect("a whole set");
            for (row, further) in rows {
                let times = |spans: &[Span]| -> Vec<(i64, i64)> {
                    let time = |ms: u32| i64::from(ms) * 1_000 + shift;
                    spans
                        .iter()
                        .map(|span| (time(span.start_ms), time(span.start_ms + span.duration_ms)))
                        .collect()
                };
                let phones: &[Span] = further.column(Column::PHONES).expect("phones");
                let begins = words(&times(phones), &times(further.column(Column::WORDS).expect("words")));
                let said: Vec<Said> = phones
                    .iter()
                    .zip(times(phones))
                    .zip(begins)
                    .map(|((span, (start_us, end_us)), begins_word)| Said {
                        phone: scheme.phones.id(&span.text),
                        start_us,
                        end_us,
                        begins_word,
                    })
                    .collect();
                let senones = row.alignment.expect("an annotated set");
                let frame = |(number, id): (usize, &stentor_inventory::SenoneId)| {
                    let name = &manifest.senones.get(*id).expect("a senone of the set").phone;
                    Sounding {
                        phone: scheme.phones.id(name).expect("all phones"),
                        centre_us: clock.centre(number),
                    }
                };
                let frames: Vec<Sounding> = senones.iter().enumerate().map(frame).collect();
                let spans = spans(&said, &frames, scheme).expect("phones and alignment belong together");
                let values = normalisation.apply(&row.features);
                statistics.add_utterance(&spans, scheme, &values).expect("finite numbers");
            }
        }
    }
    statistics
}

#[test]
fn on_real_speech_the_gain_is_at_least_0_99_of_kaldi_s_and_the_program_grows_the_same_tree() {
    const LEAVES: usize = 200;
    const MINIMUM_COUNT: u32 = 30;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let annotated = prepare(folder.path());
    let file = folder.path().join("senones.tree");
    let [leaves, minimum_count] = [LEAVES, MINIMUM_COUNT as usize].map(|number| number.to_string());
    let options = ["--leaves", &leaves, "--min-frames", &minimum_count];
    let arguments = ["senones", "grow", "--features", &annotated, "--out", file.to_str().expect("a path")];
    stentor(&[&arguments[..], &options[..]].concat());
    let grown = Tree::decode(&std::fs::read(&file).expect("a tree")).expect("a tree");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let set = Store::open(&annotated).expect("a folder");
    let set = runtime.block_on(FeatureSet::open(&set)).expect("a set");
    let statistics = statistics_of(&set, grown.scheme());
    let frames: f64 = statistics.states().map(|(_, gaussian)| gaussian.count()).sum();
    assert_eq!(frames as u64, set.manifest().frames(), "every frame is of a state");
    println!("{frames} frames of {} states of triphones", statistics.len());
    let tree = compare("asterisk", &statistics, grown.scheme(), f64::from(MINIMUM_COUNT), &[130, LEAVES]);
    assert_eq!(tree, grown);
}
