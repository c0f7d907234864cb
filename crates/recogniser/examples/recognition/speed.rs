//! The search of a static graph, timed, and everything that another decoder needs for the same search.

use crate::corpus::{Corpus, Voice, states};
use crate::graph::graph;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::io::BufWriter;
use std::path::Path;
use std::time::Instant;
use stentor_decode::{AcousticScores, Graph, Labels, Options, Search};

/// How often all utterances are searched; the fastest time counts.
const REPETITIONS: usize = 3;
/// How many utterances are searched: some 1,200 frames.
const UTTERANCES: usize = 12;
const ACOUSTIC_SCALE: f32 = 0.4;

/// A search for the best path alone keeps no link that is worse than another to the same token.
const BEST_PATH_ALONE: f64 = 0.0;

fn options() -> Options {
    Options { beam: 14.0, max_active: usize::MAX, min_active: 20, ..Options::default() }
}

pub(crate) fn run(text: &Path, dictionary: &Path, folder: &Path) -> Result<Value> {
    let mut corpus = Corpus::read(text, dictionary, 2)?;
    corpus.spoken.truncate(UTTERANCES);
    let inventory = states(&corpus.lexicon)?;
    let graph = graph(&corpus.lexicon, &corpus.model, &inventory)?.with_labels(Labels::AtEnd);
    let file = |name: &str| {
        let path = folder.join(name);
        std::fs::File::create(&path).map(BufWriter::new).with_context(|| path.display().to_string())
    };
    graph.write(file("graph.txt")?)?;
    let scores = AcousticScores::new(ACOUSTIC_SCALE, 0.0, &vec![0.0; inventory.len()])?;
    let mut voice = Voice::new(1);
    let (mut utterances, mut frame_errors, mut bytes) = (Vec::new(), 0, Vec::new());
    for words in &corpus.spoken {
        let sound = voice.say(words, &corpus.lexicon, &inventory);
        frame_errors += sound.errors();
        let mut frames = Vec::new();
        for (number, posteriors) in sound.log_posteriors.chunks_exact(inventory.len()).enumerate() {
            let mut costs = Vec::new();
            scores.costs(number, posteriors, &mut costs)?;
            bytes.extend(costs.iter().flat_map(|cost| (-cost).to_le_bytes()));
            frames.push(costs);
        }
        utterances.push(frames);
    }
    std::fs::write(folder.join("scores"), bytes).context("the folder for the judge")?;
    let frames: usize = utterances.iter().map(Vec::len).sum();
    let lattice = Timed::new(&graph, &utterances, &options())?;
    let one_best = Timed::new(&graph, &utterances, &Options { lattice_beam: BEST_PATH_ALONE, ..options() })?;
    let words = |labels: &[u32]| {
        let id = |label: &u32| corpus.model.vocabulary().ids().nth(*label as usize - 1);
        let names = labels.iter().filter_map(id).map(|id| corpus.model.vocabulary().word(id).to_owned());
        names.collect::<Vec<_>>()
    };
    let right =
        corpus.spoken.iter().zip(&lattice.found).filter(|(said, found)| **said == words(&found.labels));
    Ok(json!({
        "states": graph.len(),
        "arcs": (0..graph.len() as u32).map(|state| graph.arcs(state).len()).sum::<usize>(),
        "words": corpus.lexicon.len(),
        "outputs": inventory.len(),
        "utterances": utterances.len(),
        "lengths": utterances.iter().map(Vec::len).collect::<Vec<_>>(),
        "frames": frames,
        "frame_errors": frame_errors as f64 / frames as f64,
        "all_words_right": right.count() as f64 / utterances.len() as f64,
        "beam": options().beam,
        "min_active": options().min_active,
        "lattice_beam": options().lattice_beam,
        "prune_interval": options().prune_interval,
        "lattice": lattice.json(frames),
        "one_best": one_best.json(frames),
    }))
}

/// What was found, and the time of the fastest repetition.
struct Timed {
    seconds: f64,
    found: Vec<Found>,
}

impl Timed {
    fn new(graph: &Graph, utterances: &[Vec<Vec<f32>>], options: &Options) -> Result<Self> {
        let mut timed = Self { seconds: f64::INFINITY, found: Vec::new() };
        for _ in 0..REPETITIONS {
            let begun = Instant::now();
            let found = utterances.iter().map(|frames| search(graph, frames, options.clone()));
            timed.found = found.collect::<Result<_>>()?;
            timed.seconds = timed.seconds.min(begun.elapsed().as_secs_f64());
        }
        Ok(timed)
    }

    fn json(&self, frames: usize) -> Value {
        let arcs: usize = self.found.iter().map(|found| found.arcs).sum();
        json!({
            "seconds": self.seconds,
            "frames_per_s": frames as f64 / self.seconds,
            "word_arcs_per_frame": arcs as f64 / frames as f64,
            "found": self.found.iter().map(Found::json).collect::<Vec<_>>(),
        })
    }
}

/// What is compared with the judge.
struct Found {
    reached_final: bool,
    cost: f64,
    labels: Vec<u32>,
    /// Arcs of the lattice.
    arcs: usize,
}

impl Found {
    fn json(&self) -> Value {
        json!({ "reached_final": self.reached_final, "cost": self.cost, "labels": self.labels })
    }
}

fn search(graph: &Graph, frames: &[Vec<f32>], options: Options) -> Result<Found> {
    let mut search = Search::new(graph, options);
    for costs in frames {
        search.advance(costs)?;
    }
    let outcome = search.finish();
    let (best, arcs) = (outcome.lattice.best_path(), outcome.lattice.arcs().len());
    Ok(Found { reached_final: outcome.reached_final, cost: best.cost(), labels: best.labels(), arcs })
}
