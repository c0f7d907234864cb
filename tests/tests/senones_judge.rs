//! Tying trees against an outside judge: `kaldi-hmm-gmm`, Kaldi's training code as a Python package.
//!
//! The package has Kaldi's `GaussClusterable`, by which Kaldi's `build-tree` measures likelihoods, but not `build-tree` itself.
//! So the judge is Kaldi's recipe, written down once more over `GaussClusterable`: questions by splitting the set of phones
//! from the top down (`cluster-phones`, two means and moving single phones), then the split with the largest gain first. It gets
//! the same statistics and none of our questions.
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
use stentor_inventory::{PhoneId, PhoneTable};
use stentor_senones::{
    Context, Gaussian, Growth, Questions, Roots, Said, Scheme, Sounding, Statistics, Topology, Tree,
    TriphoneState, spans, words,
};
use stentor_shards::{Column, FeatureSet, Span};
use stentor_store::Store;
use stentor_tests::observe::in_checkout;
use stentor_tests::program;

const PHONES: u16 = 41;
const DIMENSION: usize = 13;
const STATES: u8 = 2;
const FLOOR: f64 = 0.01;

/// Reads `u32 phones, states, dimension, count`, and for each state of a triphone `u32 left, centre, right, state` and
/// `f64 frames, sums, squares`. Prints the likelihood of all roots, then the total gain at each number of leaves.
const JUDGE: &str = r#"
import heapq, struct, sys
import numpy as np
from kaldi_hmm_gmm import GaussClusterable

path, floor, minimum_count, *leaves = sys.argv[1:]
floor, minimum_count, leaves = float(floor), float(minimum_count), [int(n) for n in leaves]
data = open(path, "rb").read()
phones, states, dimension, count = struct.unpack_from("<4I", data)
record = np.dtype([("left", "<u4"), ("centre", "<u4"), ("right", "<u4"), ("state", "<u4"), ("values", "<f8", 1 + 2 * dimension)])
seen = np.frombuffer(data, dtype=record, count=count, offset=16)

def likelihood(values):
    if values[0] <= 0:
        return 0.0
    return GaussClusterable(values[1:1 + dimension], values[1 + dimension:], floor, values[0]).objf()

def halves(points, members):
    """Two means, then single points move while that gains."""
    side = np.arange(len(members)) % 2
    values = points[members]
    for _ in range(20):
        moved = False
        for i in range(len(members)):
            sums = [values[side == s].sum(0) for s in (0, 1)]
            here, there = side[i], 1 - side[i]
            if (side == here).sum() == 1:
                continue
            before = likelihood(sums[here]) + likelihood(sums[there])
            if likelihood(sums[here] - values[i]) + likelihood(sums[there] + values[i]) > before + 1e-9:
                side[i], moved = there, True
        if not moved:
            break
    return [members[side == s] for s in (0, 1)]

# Questions: all clusters of phones by the frames of each state, from the top down, and single phones.
questions = {(phone,) for phone in range(phones)}
for state in range(states):
    points = np.stack([seen["values"][(seen["centre"] == p) & (seen["state"] == state)].sum(0) for p in range(phones)])
    open_sets = [np.flatnonzero(points[:, 0] > 0)]
    while open_sets:
        members = open_sets.pop()
        if len(members) < phones:
            questions.add(tuple(members))
        if len(members) > 1:
            open_sets += halves(points, members)
masks = np.zeros((len(questions), phones))
for row, question in zip(masks, sorted(questions)):
    row[list(question)] = 1

def best(rows):
    """The gain of the best question about either neighbour, and the rows of both answers."""
    values = seen["values"][rows]
    whole = values.sum(0)
    found = (0.0, None, None)
    if whole[0] < 2 * minimum_count:
        return found
    all_of_it = likelihood(whole)
    for side in ("left", "right"):
        neighbours = seen[side][rows]
        sums = np.zeros((phones, values.shape[1]))
        np.add.at(sums, neighbours, values)
        for mask, yes in zip(masks, masks @ sums):
            no = whole - yes
            if min(yes[0], no[0]) < max(minimum_count, 0.5):
                continue
            gain = likelihood(yes) + likelihood(no) - all_of_it
            if gain > found[0]:
                answers = mask[neighbours] == 1
                found = (gain, rows[answers], rows[~answers])
    return found

# A state without frames has no root of its own.
of_phone = [np.unique(seen["state"][seen["centre"] == phone]).size for phone in range(phones)]
heap, number, roots, total = [], 0, sum(max(1, states) for states in of_phone), 0.0
likelihood_of_roots = 0.0
for phone in range(phones):
    for state in range(states):
        rows = np.flatnonzero((seen["centre"] == phone) & (seen["state"] == state))
        if len(rows):
            likelihood_of_roots += likelihood(seen["values"][rows].sum(0))
            if phone > 0:
                gain, yes, no = best(rows)
                heapq.heappush(heap, (-gain, number, yes, no))
                number += 1
print(repr(likelihood_of_roots))
grown = roots
for target in leaves:
    while grown < target and heap and heap[0][0] < 0:
        gain, _, yes, no = heapq.heappop(heap)
        total -= gain
        grown += 1
        for rows in (yes, no):
            gain, *answers = best(rows)
            heapq.heappush(heap, (-gain, number, *answers))
            number += 1
    print(repr(total))
"#;

/// Numbers from 0 to 1 that look random.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// Mean 0, variance 1: the sum of twelve (Irwin & Hall).
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.next()).sum::<f32>() - 6.0
    }

    fn frame(&mut self, scale: f32) -> Vec<f32> {
        (0..DIMENSION).map(|_| scale * self.normal()).collect()
    }
}

/// A world in which neighbours shift a phone's frames: similar phones in similar directions, the phone before more in the first
/// state and the phone after more in the last, and each triphone by some noise of its own.
fn world(seed: u64) -> Statistics {
    let mut draw = Draw(seed);
    let families: Vec<Vec<f32>> = (0..8).map(|_| draw.frame(1.0)).collect();
    let shift = |draw: &mut Draw| -> Vec<Vec<f32>> {
        let of = |phone: usize| families[phone % 8].iter().zip(draw.frame(0.4)).map(|(a, b)| a + b).collect();
        (0..usize::from(PHONES)).map(of).collect()
    };
    let (sounds, before, after) = (shift(&mut draw), shift(&mut draw), shift(&mut draw));
    let mut statistics = Statistics::new(DIMENSION).expect("frames have values");
    for _ in 0..9_000 {
        // Low numbers are frequent phones.
        let [left, centre, right] =
            [0; 3].map(|_: u16| (f32::from(PHONES) * draw.next() * draw.next().sqrt()) as u16);
        let own = draw.frame(0.2);
        for state in 0..STATES {
            let late = f32::from(state) * 0.4;
            let mut gaussian = Gaussian::new(DIMENSION);
            for _ in 0..2 + (10.0 * draw.next()) as usize {
                let of = |shifts: &[Vec<f32>], phone: u16, place: usize| shifts[usize::from(phone)][place];
                let value = |(place, noise): (usize, f32)| {
                    2.0 * of(&sounds, centre, place)
                        + (0.8 - late) * of(&before, left, place)
                        + (0.3 + late) * of(&after, right, place)
                        + own[place]
                        + noise
                };
                let frame: Vec<f32> = draw.frame(1.0).into_iter().enumerate().map(value).collect();
                gaussian.add_frame(&frame);
            }
            let [left, centre, right] = [left, centre, right].map(PhoneId::new);
            let state = TriphoneState { centre, state, left, right };
            statistics.add(state, &gaussian).expect("all frames are of one size");
        }
    }
    statistics
}

/// The judge's likelihood of all roots, and its total gain at each number of leaves.
fn judged(statistics: &Statistics, scheme: &Scheme, minimum_count: f64, leaves: &[usize]) -> (f64, Vec<f64>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("statistics");
    let mut bytes = Vec::new();
    let (phones, states) = (scheme.phones.len() as u32, u32::from(scheme.topology.states()));
    let header = [phones, states, statistics.dimension() as u32, statistics.len() as u32];
    header.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    // For the judge, phone 0 is the one that has no context.
    let number = |phone: PhoneId| match phone == scheme.boundary {
        true => 0,
        false => u32::from(phone.number()) + u32::from(phone < scheme.boundary),
    };
    for (of, gaussian) in statistics.states() {
        let place = [number(of.left), number(of.centre), number(of.right), of.state.into()];
        place.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        let values =
            [gaussian.count()].into_iter().chain(gaussian.sum().iter().chain(gaussian.squares()).copied());
        values.for_each(|value| bytes.extend(value.to_le_bytes()));
    }
    std::fs::write(&path, bytes).expect("a temporary folder can be written");
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
    let scheme = Scheme {
        phones: PhoneTable::new((0..PHONES).map(|phone| format!("P{phone}")).collect())
            .expect("names differ"),
        context_independent: vec![PhoneId::new(0)],
        boundary: PhoneId::new(0),
        context: Context::AcrossWords,
        topology: Topology::FirstThenRest,
    };
    compare("world 11", &world(11), &scheme, 20.0, &[100, 500, 3_000]);
    for seed in [12, 13, 14] {
        compare(&format!("world {seed}"), &world(seed), &scheme, 20.0, &[100, 500]);
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
