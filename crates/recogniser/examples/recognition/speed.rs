//! The search of a static graph, timed, and everything that another decoder needs for the same search.

use crate::corpus::{Corpus, Voice, states};
use crate::graph::graph;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::io::BufWriter;
use std::path::Path;
use std::time::Instant;
use stentor_decode::{AcousticScores, Graph, Options, Search};

/// How often all utterances are searched; the fastest time counts.
const REPETITIONS: usize = 3;
const ACOUSTIC_SCALE: f32 = 0.4;

fn options() -> Options {
    Options { beam: 14.0, max_active: usize::MAX, min_active: 20, ..Options::default() }
}

pub(crate) fn run(text: &Path, dictionary: &Path, folder: &Path) -> Result<Value> {
    let corpus = Corpus::read(text, dictionary, 2)?;
    let inventory = states(&corpus.lexicon)?;
    let graph = graph(&corpus.lexicon, &corpus.model, &inventory)?;
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
    let mut seconds = f64::INFINITY;
    let mut found = Vec::new();
    for _ in 0..REPETITIONS {
        let begun = Instant::now();
        let outcomes = utterances.iter().map(|frames| search(&graph, frames)).collect::<Result<Vec<_>>>()?;
        seconds = seconds.min(begun.elapsed().as_secs_f64());
        found = outcomes;
    }
    let words = |labels: &[u32]| {
        let id = |label: &u32| corpus.model.vocabulary().ids().nth(*label as usize - 1);
        let names = labels.iter().filter_map(id).map(|id| corpus.model.vocabulary().word(id).to_owned());
        names.collect::<Vec<_>>()
    };
    let right = corpus.spoken.iter().zip(&found).filter(|(said, found)| **said == words(&found.labels));
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
        "seconds": seconds,
        "frames_per_s": frames as f64 / seconds,
        "beam": options().beam,
        "min_active": options().min_active,
        "found": found.iter().map(Found::json).collect::<Vec<_>>(),
    }))
}

/// What is compared with the judge.
struct Found {
    reached_final: bool,
    cost: f64,
    labels: Vec<u32>,
}

impl Found {
    fn json(&self) -> Value {
        json!({ "reached_final": self.reached_final, "cost": self.cost, "labels": self.labels })
    }
}

fn search(graph: &Graph, frames: &[Vec<f32>]) -> Result<Found> {
    let mut search = Search::new(graph, options());
    for costs in frames {
        search.advance(costs)?;
    }
    let outcome = search.finish();
    let best = outcome.lattice.best_path();
    Ok(Found { reached_final: outcome.reached_final, cost: best.cost(), labels: best.labels() })
}
