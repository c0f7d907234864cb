//! The decoder's search against an outside judge, `kaldi-decoder`: the same graph, the same acoustic scores, the same path at the
//! same cost, also where a narrow beam makes both miss the best one.
//!
//! Needs a Python with `kaldi-decoder`, `kaldifst` and `numpy`; `cargo xtask test` names it in `STENTOR_PYTHON`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use stentor_decode::{AcousticScores, Arc, Graph, GraphBuilder, Options, Search};

/// Decodes with Kaldi's faster decoder and prints: whether a final state was reached, the cost, the outputs.
const JUDGE: &str = r#"
import sys
import kaldi_decoder, kaldifst
import numpy as np

graph_path, scores_path, outputs, beam, max_active, min_active = sys.argv[1:]
graph = kaldifst.compile(open(graph_path).read())
scores = np.fromfile(scores_path, dtype="<f4").reshape(-1, int(outputs))
options = kaldi_decoder.FasterDecoderOptions(beam=float(beam), max_active=int(max_active), min_active=int(min_active))
decoder = kaldi_decoder.FasterDecoder(graph, options)
decoder.decode(kaldi_decoder.DecodableCtc(scores))
found, path = decoder.get_best_path()
is_linear, _, words, weight = kaldifst.get_linear_symbol_sequence(path)
if not (found and is_linear):
    sys.exit("kaldi-decoder found no path")
print(int(decoder.reached_final()), weight.value1 + weight.value2, *words)
"#;

/// The constants of Numerical Recipes; only the upper half of each state is used.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 32) % u64::from(bound)) as u32
    }

    fn unit(&mut self) -> f32 {
        self.below(1 << 24) as f32 / (1 << 24) as f32
    }
}

const STATES: u32 = 300;
const OUTPUTS: u32 = 40;
const FRAMES: u32 = 120;

/// Every arc has an output of its own, so that outputs tell the path.
fn random_graph(random: &mut Random) -> Graph {
    let mut builder = GraphBuilder::default();
    (0..STATES).for_each(|_| _ = builder.add_state());
    let mut arcs = 0;
    for from in 0..STATES {
        for _ in 0..2 + random.below(4) {
            let next = random.below(STATES);
            // Arcs without input lead to higher states, so they form no cycle.
            let input = if next > from && random.below(4) == 0 { 0 } else { 1 + random.below(OUTPUTS) };
            arcs += 1;
            builder.add_arc(from, Arc { next, input, output: arcs, weight: f64::from(3.0 * random.unit()) });
        }
        if random.below(3) == 0 {
            builder.set_final(from, f64::from(2.0 * random.unit())).expect("the state exists");
        }
    }
    builder.build(0).expect("a valid graph")
}

/// Log posteriors of a softmax over random logits, as costs with priors.
fn random_costs(random: &mut Random) -> Vec<Vec<f32>> {
    let mut softmax = |spread: f32| {
        let logits: Vec<f32> = (0..OUTPUTS).map(|_| spread * random.unit()).collect();
        let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
        logits.iter().map(|logit| logit - sum.ln()).collect::<Vec<f32>>()
    };
    let scores = AcousticScores::new(0.8, 0.6, &softmax(2.0)).expect("valid priors");
    let mut costs = Vec::new();
    let frame = |frame| {
        scores.costs(frame as usize, &softmax(9.0), &mut costs).expect("valid posteriors");
        costs.clone()
    };
    (0..FRAMES).map(frame).collect()
}

#[derive(Debug, PartialEq)]
struct Decoded {
    reached_final: bool,
    cost: f64,
    outputs: Vec<u32>,
}

fn ours(graph: &Graph, costs: &[Vec<f32>], options: Options) -> Decoded {
    let mut search = Search::new(graph, options);
    for costs in costs {
        search.advance(costs).expect("every state can be left");
    }
    let outcome = search.finish();
    let best = outcome.lattice.best_path();
    Decoded { reached_final: outcome.reached_final, cost: best.cost(), outputs: best.labels() }
}

fn judged(folder: &Path, graph: &Graph, costs: &[Vec<f32>], options: &Options) -> Decoded {
    let (graph_path, scores_path) = (folder.join("graph.txt"), folder.join("scores"));
    let mut text = Vec::new();
    graph.write(&mut text).expect("memory");
    std::fs::write(&graph_path, text).expect("a temporary folder can be written");
    let scores: Vec<u8> = costs.iter().flatten().flat_map(|cost| (-cost).to_le_bytes()).collect();
    std::fs::write(&scores_path, scores).expect("a temporary folder can be written");
    let python = std::env::var("STENTOR_PYTHON")
        .expect("STENTOR_PYTHON, an interpreter with kaldi-decoder: run these tests by `cargo xtask test`");
    let output = Command::new(python)
        .args(["-c", JUDGE])
        .args([&graph_path, &scores_path])
        .args([OUTPUTS.to_string(), options.beam.to_string()])
        .args([options.max_active.to_string(), options.min_active.to_string()])
        .output()
        .expect("STENTOR_PYTHON runs");
    assert!(output.status.success(), "the judge failed: {}", String::from_utf8_lossy(&output.stderr));
    let answer = String::from_utf8(output.stdout).expect("text");
    let mut fields = answer.split_whitespace();
    let mut next = || fields.next().expect("the judge prints two figures and the outputs");
    let (reached_final, cost) = (next() == "1", next().parse().expect("a cost"));
    Decoded { reached_final, cost, outputs: fields.map(|field| field.parse().expect("an output")).collect() }
}

/// Beams and least numbers of tokens. Where a limit on the number decides, Kaldi's result depends on the order in which it visits
/// tokens; a beam alone gives one right answer, even if it is so narrow that the best path is lost.
const LIMITS: [(f64, usize); 5] = [(14.0, 20), (8.0, 20), (4.0, 0), (2.0, 0), (1.0, 0)];

#[test]
fn kaldi_finds_the_same_path_at_the_same_cost_at_every_beam() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut differences = String::new();
    let mut losses = 0;
    for seed in 1..=4 {
        let mut random = Random(seed);
        let graph = random_graph(&mut random);
        let costs = random_costs(&mut random);
        let mut lowest = f64::INFINITY;
        for (beam, min_active) in LIMITS {
            let options = Options { beam, min_active, ..Options::default() };
            let expected = judged(folder.path(), &graph, &costs, &options);
            let found = ours(&graph, &costs, options);
            // Kaldi adds in single precision.
            let is_same = found.reached_final == expected.reached_final
                && found.outputs == expected.outputs
                && (found.cost - expected.cost).abs() < 1e-3;
            if !is_same {
                writeln!(differences, "seed {seed}, beam {beam}:\n{found:?}\nexpected {expected:?}")
                    .expect("memory");
            }
            lowest = lowest.min(found.cost);
            losses += usize::from(found.cost > lowest + 1e-3);
        }
    }
    assert!(differences.is_empty(), "{differences}");
    assert!(losses > 0, "no beam was narrow enough to lose the best path");
}
