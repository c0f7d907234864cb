//! A static graph of a lexicon and a language model.

use super::contexts::{Contexts, Part};
use super::{Lexicon, Next, Topology};
use crate::error::Error;
use crate::graph::{Graph, GraphBuilder};
use crate::network::{Arc, Labels};
use crate::triphone::Triphone;
use crate::word_model::WordModel;
use std::collections::HashMap;

/// The whole network at once: for each state of the language model and each pair of a last phone and phones that may follow,
/// every pronunciation by itself, without shared beginnings.
///
/// Exact also for back-off models: a word's cost is looked up in each context, where a graph with back-off arcs would also have
/// paths that back off although the longer n-gram is known. For small vocabularies and models, and to check
/// [`super::TreeNetwork`], which has the same paths at the same costs.
///
/// # Errors
/// If the graph would have more than `most_states` states, the model's cost is neither finite nor plus infinity, or a triphone has
/// another number of outputs than its phone has states.
pub fn static_graph<M: WordModel>(
    lexicon: &Lexicon,
    topology: &Topology,
    model: &M,
    most_states: usize,
) -> Result<Graph, Error> {
    Ok(static_graph_of_phones(lexicon, topology, model, most_states)?.graph)
}

/// A static graph, and which states are those of which phone.
#[derive(Clone, Debug)]
pub(crate) struct PhoneGraph {
    pub(crate) graph: Graph,
    /// Every place in the graph where a phone is said, with the phone.
    pub(crate) phones: Vec<u32>,
    /// For each state of the graph that takes frames, the place.
    pub(crate) place_of: Vec<Option<u32>>,
}

/// As [`static_graph`], and says where each phone is.
///
/// # Errors
/// As [`static_graph`].
pub(crate) fn static_graph_of_phones<M: WordModel>(
    lexicon: &Lexicon,
    topology: &Topology,
    model: &M,
    most_states: usize,
) -> Result<PhoneGraph, Error> {
    let mut contexts = Contexts::new(lexicon, topology);
    let alike = contexts.alike(lexicon)?;
    let everything = contexts.after_word.clone();
    let mut building = Building {
        contexts,
        alike,
        graph: GraphBuilder::default(),
        junctions: Vec::new(),
        numbers: HashMap::new(),
        phones: Vec::new(),
        place_of: Vec::new(),
    };
    building.junction(model.start(), topology.edge(), everything, false);
    let mut done = 0;
    // Junctions are found on the way.
    while let Some((place, junction)) = building.junctions.get(done).cloned() {
        done += 1;
        building.leave(lexicon, model, place, &junction)?;
        if building.graph.len() > most_states {
            return Err(Error::TooLarge { allowed: most_states });
        }
    }
    let Building { graph, phones, mut place_of, .. } = building;
    place_of.resize(graph.len(), None);
    let graph = graph.build(0)?.with_labels(Labels::AtEnd);
    let graph = match lexicon.silence() {
        Some(_) => graph.with_silence(lexicon.silence_label()),
        None => graph,
    };
    Ok(PhoneGraph { graph, phones, place_of })
}

/// A point between two words.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Junction<S> {
    words: S,
    left: u32,
    /// One of these phones must follow.
    rights: Vec<u32>,
    after_pause: bool,
}

struct Building<'a, S> {
    contexts: Contexts<'a>,
    alike: HashMap<u32, u32>,
    graph: GraphBuilder,
    junctions: Vec<(u32, Junction<S>)>,
    numbers: HashMap<Junction<S>, u32>,
    /// As in [`PhoneGraph`].
    phones: Vec<u32>,
    place_of: Vec<Option<u32>>,
}

impl<S: Copy + Eq + std::hash::Hash> Building<'_, S> {
    /// The state of a junction; a new one if it has none.
    fn junction(&mut self, words: S, left: u32, rights: Vec<u32>, after_pause: bool) -> u32 {
        let left = self.contexts.topology.beside_word(left);
        let left = self.alike.get(&left).copied().unwrap_or(left);
        let junction = Junction { words, left, rights, after_pause };
        if let Some(place) = self.numbers.get(&junction) {
            return *place;
        }
        let place = self.graph.add_state();
        self.numbers.insert(junction.clone(), place);
        self.junctions.push((place, junction));
        place
    }

    /// The arcs of a junction, through a pause or a word to further ones.
    fn leave<M: WordModel<State = S>>(
        &mut self,
        lexicon: &Lexicon,
        model: &M,
        place: u32,
        junction: &Junction<S>,
    ) -> Result<(), Error> {
        let Junction { words, left, rights, after_pause } = junction;
        let mut without_pause = 0.0;
        if let Some(silence) = lexicon.silence()
            && !after_pause
        {
            without_pause = -(1.0 - silence.probability).ln();
            if rights.contains(&silence.phone) {
                let after = self.contexts.after_pause.clone();
                for Part { model, rights } in self.contexts.parts_of_last(*left, silence.phone, &after)? {
                    let end = self.phone(silence.phone, model, place);
                    let next = self.junction(*words, silence.phone, rights, true);
                    self.epsilon(end, next, lexicon.silence_label(), -silence.probability.ln());
                }
            }
        }
        if rights.contains(&self.contexts.topology.edge()) {
            self.graph.set_final(place, model.finish(*words) + without_pause)?;
        }
        for pronunciation in lexicon.pronunciations() {
            let (next, cost) = model.advance(*words, pronunciation.word);
            let [inner @ .., last] = &pronunciation.phones[..] else { continue };
            if cost == f64::INFINITY || !rights.contains(&pronunciation.phones[0]) {
                continue;
            }
            let (mut at, mut left) = (place, *left);
            for (&centre, &right) in inner.iter().zip(&pronunciation.phones[1..]) {
                let model = self.contexts.model(Triphone { left, centre, right })?;
                at = self.phone(centre, model, at);
                left = centre;
            }
            let after = self.contexts.after_word.clone();
            for Part { model, rights } in self.contexts.parts_of_last(left, *last, &after)? {
                let end = self.phone(*last, model, at);
                let next = self.junction(next, *last, rights, false);
                self.epsilon(end, next, pronunciation.word, cost + pronunciation.cost + without_pause);
            }
        }
        Ok(())
    }

    /// Adds a phone that begins at `entry` and returns where it ends.
    fn phone(&mut self, phone: u32, model: u32, entry: u32) -> u32 {
        let topology = self.contexts.topology;
        let hmm = topology.hmm(phone);
        let outputs = self.contexts.outputs(model);
        let states: Vec<u32> = outputs.iter().map(|_| self.graph.add_state()).collect();
        let exit = self.graph.add_state();
        let place = self.phones.len() as u32;
        self.phones.push(phone);
        self.place_of.resize(self.graph.len(), None);
        states.iter().for_each(|state| self.place_of[*state as usize] = Some(place));
        let mut add = |from, next: Next, probability| {
            let (next, input) = match next {
                Next::State(state) => (states[state], outputs[state] + 1),
                Next::Exit => (exit, 0),
            };
            self.graph.add_arc(from, Arc { next, input, output: 0, weight: topology.cost(probability) });
        };
        for &(state, probability) in hmm.entries() {
            add(entry, Next::State(state), probability);
        }
        for (from, transitions) in states.iter().zip(hmm.states()) {
            transitions.iter().for_each(|&(next, probability)| add(*from, next, probability));
        }
        exit
    }

    fn epsilon(&mut self, from: u32, next: u32, output: u32, weight: f64) {
        self.graph.add_arc(from, Arc { next, input: 0, output, weight });
    }
}
