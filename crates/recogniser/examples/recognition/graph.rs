//! A decoding graph as Kaldi's recipes make it: for each history a prefix tree of the words that the language model lists after
//! it, and an arc that backs off.

use std::collections::{BTreeMap, HashMap};
use std::f64::consts::LN_10;
use stentor_decode::{Arc, Graph, GraphBuilder};
use stentor_inventory::{Inventory, Lexicon};
use stentor_language::{Model, WordId};

type Anyhow<T> = anyhow::Result<T>;

/// Probability of another frame in the same state, and of a pause.
const AGAIN: f64 = 0.5;
const PAUSE: f64 = 0.5;

/// The graph of a bigram model; outputs are words of the model plus 1.
pub(crate) fn graph(lexicon: &Lexicon, model: &Model, inventory: &Inventory) -> Anyhow<Graph> {
    let mut building =
        Building { lexicon, inventory, model, builder: GraphBuilder::default(), roots: HashMap::new() };
    let mut lists: BTreeMap<Option<WordId>, Vec<(WordId, f64)>> = BTreeMap::new();
    for ngram in model.ngrams(1).filter(|ngram| ngram.words[0] != WordId::BEGIN) {
        lists.entry(None).or_default().push((ngram.words[0], cost(ngram.log_prob)));
    }
    for ngram in model.ngrams(2) {
        lists.entry(Some(ngram.words[0])).or_default().push((ngram.words[1], cost(ngram.log_prob)));
    }
    let backoffs: HashMap<WordId, f64> =
        model.ngrams(1).map(|ngram| (ngram.words[0], cost(ngram.backoff))).collect();
    for history in lists.keys() {
        building.add_root(*history);
    }
    for (history, words) in &lists {
        building.add_words(*history, words)?;
        if let (Some(history), Some(root), Some(shorter)) =
            (history, building.roots.get(history), building.roots.get(&None))
        {
            let weight = backoffs.get(history).copied().unwrap_or(0.0);
            building.builder.add_arc(root.words, Arc { next: shorter.words, input: 0, output: 0, weight });
        }
    }
    let start = building.root(Some(WordId::BEGIN)).pause;
    Ok(building.builder.build(start)?)
}

fn cost(log10: f32) -> f64 {
    -LN_10 * f64::from(log10)
}

/// Where a pause or a word may begin, and where a word must.
#[derive(Clone, Copy)]
struct Root {
    pause: u32,
    words: u32,
}

struct Building<'a> {
    lexicon: &'a Lexicon,
    inventory: &'a Inventory,
    model: &'a Model,
    builder: GraphBuilder,
    roots: HashMap<Option<WordId>, Root>,
}

/// A place in the prefix tree of one history.
#[derive(Default)]
struct Node {
    children: BTreeMap<u16, usize>,
    words: Vec<(WordId, f64)>,
    least: f64,
}

impl Building<'_> {
    fn add_root(&mut self, history: Option<WordId>) {
        let root = Root { pause: self.builder.add_state(), words: self.builder.add_state() };
        self.roots.insert(history, root);
        let skip = Arc { next: root.words, input: 0, output: 0, weight: -(1.0 - PAUSE).ln() };
        self.builder.add_arc(root.pause, skip);
        let end = self.builder.add_state();
        self.add_phone("SIL", root.pause, end, -PAUSE.ln());
        self.builder.add_arc(end, Arc { next: root.words, input: 0, output: 0, weight: 0.0 });
    }

    /// The root after a word: that of no history if nothing is listed after the word.
    fn root(&self, history: Option<WordId>) -> Root {
        self.roots
            .get(&history)
            .or_else(|| self.roots.get(&None))
            .copied()
            .unwrap_or(Root { pause: 0, words: 0 })
    }

    fn add_words(&mut self, history: Option<WordId>, words: &[(WordId, f64)]) -> Anyhow<()> {
        let root = self.root(history);
        let mut nodes = vec![Node { least: 0.0, ..Node::default() }];
        for &(word, cost) in words {
            if word == WordId::END {
                self.builder.set_final(root.words, cost)?;
                continue;
            }
            let name = self.model.vocabulary().word(word);
            let Some(id) = self.lexicon.id(name) else { continue };
            for pronunciation in self.lexicon.pronunciations(id) {
                let mut at = 0;
                for phone in &pronunciation.phones {
                    let fresh = nodes.len();
                    at = *nodes[at].children.entry(phone.number()).or_insert(fresh);
                    if at == fresh {
                        nodes.push(Node { least: f64::INFINITY, ..Node::default() });
                    }
                    nodes[at].least = nodes[at].least.min(cost);
                }
                nodes[at].words.push((word, cost));
            }
        }
        let mut places = vec![root.words; nodes.len()];
        for (number, node) in nodes.iter().enumerate() {
            for (&phone, &child) in &node.children {
                places[child] = self.builder.add_state();
                let name = self.lexicon.phones().names()[usize::from(phone)].clone();
                self.add_phone(&name, places[number], places[child], nodes[child].least - node.least);
            }
            for &(word, cost) in &node.words {
                let next = self.root(Some(word)).pause;
                let arc = Arc { next, input: 0, output: 1 + word.index() as u32, weight: cost - node.least };
                self.builder.add_arc(places[number], arc);
            }
        }
        Ok(())
    }

    /// The states of a phone, any of which but one may be left out.
    fn add_phone(&mut self, name: &str, from: u32, to: u32, entering: f64) {
        let senones = self.inventory.of_phone(name);
        let states: Vec<u32> = senones.iter().map(|_| self.builder.add_state()).collect();
        let input = |place: usize| senones[place].index() as u32 + 1;
        for (place, &state) in states.iter().enumerate() {
            let weight = entering + (states.len() as f64).ln();
            self.builder.add_arc(from, Arc { next: state, input: input(place), output: 0, weight });
            let again = Arc { next: state, input: input(place), output: 0, weight: -AGAIN.ln() };
            self.builder.add_arc(state, again);
            let share = -((1.0 - AGAIN) / (states.len() - place) as f64).ln();
            for (later, &next) in states.iter().enumerate().skip(place + 1) {
                self.builder.add_arc(state, Arc { next, input: input(later), output: 0, weight: share });
            }
            self.builder.add_arc(state, Arc { next: to, input: 0, output: 0, weight: share });
        }
    }
}
