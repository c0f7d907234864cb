//! Small lexicons, language models and models of phones, and the enumeration of all that can be said with them.

#![allow(dead_code, reason = "each test target uses a part")]

use proptest::prelude::*;
use std::collections::BTreeMap;
use stentor_decode::{Context, Hmm, Lexicon, Next, Pronunciation, Silence, Topology, Triphone, WordModel};

pub(crate) const WORDS: u32 = 3;
pub(crate) const PHONES: u32 = 3;
/// Outputs of all topologies here.
pub(crate) const OUTPUTS: usize = 4;

/// Costs of a word after each word or the start; the last column is the end. Bigrams, so a state is the last word.
#[derive(Clone, Debug)]
pub(crate) struct Bigrams(pub(crate) Vec<Vec<f64>>);

impl WordModel for Bigrams {
    type State = u32;

    fn start(&self) -> u32 {
        0
    }

    fn advance(&self, state: u32, word: u32) -> (u32, f64) {
        (word, self.0[state as usize][word as usize - 1])
    }

    fn finish(&self, state: u32) -> f64 {
        self.0[state as usize][WORDS as usize]
    }
}

pub(crate) fn bigrams() -> impl Strategy<Value = Bigrams> {
    prop::collection::vec(prop::collection::vec(0.1..4.0f64, WORDS as usize + 1), WORDS as usize + 1)
        .prop_map(Bigrams)
}

/// Three phones: of one state, of two in order, and of two of which either may be left out.
fn shapes() -> Vec<Hmm> {
    let half = |next| (next, 0.5);
    let either = Hmm::new(
        vec![(0, 0.6), (1, 0.4)],
        vec![vec![half(Next::State(1)), half(Next::Exit)], vec![half(Next::State(1)), half(Next::Exit)]],
    );
    [Hmm::linear(1, 0.5), Hmm::linear(2, 0.3), either].into_iter().collect::<Result<_, _>>().expect("valid")
}

/// The three phones without context. Phone 0 is also the pause.
pub(crate) fn topology() -> Topology {
    let outputs = [vec![0], vec![1, 2], vec![3, 1]];
    Topology::independent(shapes().into_iter().zip(outputs).collect(), 0.8).expect("valid")
}

/// The three phones with any outputs in any context within or across words, and any phone at the edges. In half of the cases
/// phone 0 has no context, as silence should have none.
pub(crate) fn tied() -> impl Strategy<Value = Topology> {
    let table = prop::collection::vec(0..OUTPUTS as u32, 2 * (PHONES * PHONES * PHONES) as usize);
    let context = prop_oneof![Just(Context::WithinWords), Just(Context::AcrossWords)];
    // Few different outputs, so that some contexts share models.
    let rest = (1..=OUTPUTS as u32, 0..PHONES, any::<bool>(), context);
    (table, rest).prop_map(|(table, (different, edge, is_free, context))| {
        Topology::tied(shapes(), context, edge, 0.8, move |Triphone { left, centre, right }| {
            let context = if is_free && centre == 0 { 0 } else { left * PHONES + right };
            let place = (centre * PHONES * PHONES + context) as usize;
            let states = if centre == 0 { 1 } else { 2 };
            table[2 * place..2 * place + states].iter().map(|output| output % different).collect()
        })
        .expect("valid")
    })
}

pub(crate) fn lexicon() -> impl Strategy<Value = Lexicon> {
    let pronunciation = (1..=WORDS, prop::collection::vec(0..PHONES, 1..4), 0.0..1.0f64);
    let pause = prop_oneof![Just(None), (0.1..0.9f64).prop_map(Some)];
    (prop::collection::vec(pronunciation, 1..6), pause).prop_map(|(pronunciations, pause)| {
        let pronunciations = pronunciations
            .into_iter()
            .map(|(word, phones, cost)| Pronunciation { word, phones, cost })
            .collect();
        let silence = pause.map(|probability| Silence { phone: 0, probability });
        Lexicon::new(pronunciations, silence, &topology()).expect("valid")
    })
}

/// The lowest cost of each word sequence over all pronunciations, pauses and times, found by trying all of them.
pub(crate) fn sentences(
    lexicon: &Lexicon,
    topology: &Topology,
    model: &Bigrams,
    frames: &[Vec<f32>],
) -> BTreeMap<Vec<u32>, f64> {
    let mut found = BTreeMap::new();
    let begun = Begun { phones: Vec::new(), words: Vec::new(), state: model.start(), cost: 0.0 };
    let mut open = vec![(begun, false)];
    let (pause, no_pause) = match lexicon.silence() {
        Some(Silence { phone, probability }) => (Some((phone, -probability.ln())), -(1.0 - probability).ln()),
        None => (None, 0.0),
    };
    while let Some((begun, after_pause)) = open.pop() {
        // Each phone takes a frame at least.
        if begun.phones.len() > frames.len() {
            continue;
        }
        let onward = if after_pause { 0.0 } else { no_pause };
        let cost = begun.cost + onward + model.finish(begun.state) + spoken(&begun.phones, topology, frames);
        if cost.is_finite() {
            let best: &mut f64 = found.entry(begun.words.clone()).or_insert(f64::INFINITY);
            *best = best.min(cost);
        }
        if let Some((phone, cost)) = pause
            && !after_pause
        {
            let mut paused = begun.clone();
            paused.phones.push((phone, true));
            paused.cost += cost;
            open.push((paused, true));
        }
        for Pronunciation { word, phones, cost } in lexicon.pronunciations() {
            let (state, model_cost) = model.advance(begun.state, *word);
            let mut longer = begun.clone();
            longer.phones.extend(phones.iter().enumerate().map(|(place, phone)| (*phone, place == 0)));
            longer.words.push(*word);
            longer.state = state;
            longer.cost += onward + cost + model_cost;
            open.push((longer, false));
        }
    }
    found
}

#[derive(Clone)]
struct Begun {
    /// Each with whether a word or a pause begins there.
    phones: Vec<(u32, bool)>,
    words: Vec<u32>,
    state: u32,
    cost: f64,
}

/// The cost of saying exactly these phones in these frames; infinite if that cannot be.
pub(crate) fn spoken(phones: &[(u32, bool)], topology: &Topology, frames: &[Vec<f32>]) -> f64 {
    // costs[frame] is the cost of the phones so far, if they end before that frame.
    let mut costs = vec![f64::INFINITY; frames.len() + 1];
    costs[0] = 0.0;
    for triphone in triphones(phones, topology) {
        costs = say(triphone, topology, frames, &costs);
    }
    costs[frames.len()]
}

/// Each phone between its neighbours, as `stentor-senones` sees them in an alignment.
pub(crate) fn triphones(phones: &[(u32, bool)], topology: &Topology) -> Vec<Triphone> {
    let edge = topology.edge();
    let is_cut = |begins: bool| begins && topology.context() == Context::WithinWords;
    let triphone = |(place, &(centre, begins)): (usize, &(u32, bool))| {
        let before = place.checked_sub(1).map(|place| phones[place].0);
        let left = before.filter(|_| !is_cut(begins)).unwrap_or(edge);
        let after = phones.get(place + 1).filter(|(_, begins)| !is_cut(*begins));
        Triphone { left, centre, right: after.map_or(edge, |(phone, _)| *phone) }
    };
    phones.iter().enumerate().map(triphone).collect()
}

/// The costs of a phone that ends before each frame, where `costs` are those of beginning with each frame.
pub(crate) fn say(triphone: Triphone, topology: &Topology, frames: &[Vec<f32>], costs: &[f64]) -> Vec<f64> {
    let outputs = topology.model(triphone).expect("as many outputs as states");
    let hmm = topology.hmm(triphone.centre);
    let transition = |probability: f64| -0.8 * probability.ln();
    let mut within = vec![f64::INFINITY; outputs.len()];
    let mut ends = vec![f64::INFINITY; frames.len() + 1];
    for (frame, acoustic) in frames.iter().enumerate() {
        let mut now = vec![f64::INFINITY; outputs.len()];
        for &(state, probability) in hmm.entries() {
            now[state] = now[state].min(costs[frame] + transition(probability));
        }
        for (from, transitions) in hmm.states().iter().enumerate() {
            for &(next, probability) in transitions {
                if let Next::State(next) = next {
                    now[next] = now[next].min(within[from] + transition(probability));
                }
            }
        }
        for (cost, output) in now.iter_mut().zip(&outputs) {
            *cost += f64::from(acoustic[*output as usize]);
        }
        within = now;
        for (from, transitions) in hmm.states().iter().enumerate() {
            for &(_, probability) in transitions.iter().filter(|(next, _)| *next == Next::Exit) {
                ends[frame + 1] = ends[frame + 1].min(within[from] + transition(probability));
            }
        }
    }
    ends
}
