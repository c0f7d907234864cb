//! Static graph and prefix tree across words: without pruning they must find the same best path.

use crate::corpus::Corpus;
use crate::tying::{tree, with_silence};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::path::Path;
use stentor_decode::{
    Context, Hmm, Lexicon, Network, Next, Options, Pronunciation, Search, Silence, Topology, Tree,
    TreeNetwork, Triphone, WordModel, static_graph,
};
use stentor_inventory::PhoneId;
use stentor_random::{SplitMix64, unit_interval};

/// Words of the lexicon, senones of the tying tree, utterances and their frames.
const WORDS: usize = 12;
const LEAVES: usize = 500;
const UTTERANCES: usize = 20;
const FRAMES: usize = 40;
const MOST_STATES: usize = 5_000_000;

/// Costs of a word after another: any numbers.
struct Bigrams;

impl WordModel for Bigrams {
    type State = u32;

    fn start(&self) -> u32 {
        0
    }

    fn advance(&self, state: u32, word: u32) -> (u32, f64) {
        (word, 1.0 + f64::from((state * 31 + word * 17) % 64) / 16.0)
    }

    fn finish(&self, state: u32) -> f64 {
        1.0 + f64::from(state % 8) / 8.0
    }
}

pub(crate) fn run(text: &Path, dictionary: &Path) -> Result<Value> {
    let corpus = Corpus::read(text, dictionary, 2)?;
    let table = with_silence(corpus.lexicon.phones())?;
    let tree = tree(&table, stentor_senones::Topology::FirstThenRest, LEAVES)?;
    let outputs = tree.senones();
    let again = vec![(Next::State(1), 0.6), (Next::Exit, 0.4)];
    let hmm = Hmm::new(vec![(0, 1.0)], vec![again.clone(), again])?;
    let outputs_of = move |Triphone { left, centre, right }: Triphone| {
        let [left, centre, right] = [left, centre, right].map(|phone| PhoneId::new(phone as u16));
        let senones = tree.senones_of(stentor_senones::Triphone { left, centre, right });
        senones.unwrap_or_default().into_iter().map(|id| id.index() as u32).collect()
    };
    let topology = Topology::tied(vec![hmm; table.len()], Context::AcrossWords, 0, 0.3, outputs_of)?;
    let mut pronunciations = Vec::new();
    let step = corpus.lexicon.len() / WORDS;
    for ((_, _, said), word) in corpus.lexicon.words().step_by(step).take(WORDS).zip(1..) {
        for pronunciation in said {
            // The lexicon's phones follow silence.
            let phones = pronunciation.phones.iter().map(|phone| 1 + u32::from(phone.number())).collect();
            pronunciations.push(Pronunciation { word, phones, cost: -pronunciation.probability.ln() });
        }
    }
    let lexicon = Lexicon::new(pronunciations, Some(Silence { phone: 0, probability: 0.5 }), &topology)?;
    let graph = static_graph(&lexicon, &topology, &Bigrams, MOST_STATES)?;
    let tree = Tree::new(&lexicon, &topology, f64::from)?;
    let network = TreeNetwork { tree: &tree, model: &Bigrams };
    let mut random = SplitMix64::new(3);
    let (mut equal, mut largest) = (0, 0.0_f64);
    for _ in 0..UTTERANCES {
        let frame = |random: &mut SplitMix64| -> Vec<f32> {
            (0..outputs).map(|_| 6.0 * unit_interval(random.next_u64()) as f32).collect()
        };
        let frames: Vec<Vec<f32>> = (0..FRAMES).map(|_| frame(&mut random)).collect();
        let (of_graph, of_tree) = (best(&graph, &frames)?, best(network, &frames)?);
        largest = largest.max((of_graph.1 - of_tree.1).abs());
        equal += usize::from(of_graph.0 == of_tree.0);
    }
    Ok(json!({
        "utterances": UTTERANCES, "frames": FRAMES, "same_words": equal, "largest_difference": largest,
        "states": graph.len(), "places": tree.len(), "words": WORDS,
    }))
}

/// The best words and their cost, with every path followed.
fn best(network: impl Network, frames: &[Vec<f32>]) -> Result<(Vec<u32>, f64)> {
    // All paths are followed, and those of the lattice are not needed.
    let options = Options { lattice_beam: 0.0, prune_interval: 10, ..Options::exhaustive() };
    let mut search = Search::new(network, options);
    for costs in frames {
        search.advance(costs)?;
    }
    let outcome = search.finish();
    let best = outcome.lattice.best_path();
    outcome.reached_final.then_some((best.labels(), best.cost())).context("no path ends in these frames")
}
