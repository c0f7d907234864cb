//! Forced alignment: which frames of an utterance belong to which phone and state of the words that are known to be said in it.

mod viterbi;

use crate::error::Error;
use crate::lexicon::{Lexicon, PhoneGraph, Topology, static_graph_of_phones};
use crate::network::Network;
use crate::word_model::WordModel;
use std::collections::VecDeque;
use std::ops::Range;
use viterbi::{Step, Viterbi};

/// All ways to say a transcript: each word in any of its pronunciations, with or without a pause before it and at the end.
///
/// It is the static graph of the words' pronunciations and a language model that allows the transcript alone. So phones have the
/// same outputs in their contexts, and transitions and pauses the same costs, as in recognition.
#[derive(Clone, Debug)]
pub struct TranscriptGraph {
    graph: PhoneGraph,
    words: usize,
    silence: Option<u32>,
}

/// A phone of a transcript, and when it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlignedPhone {
    /// The phone.
    pub phone: u32,
    /// The word that it belongs to, by its place in the transcript; `None` for a pause.
    pub word: Option<usize>,
    /// Its frames, at least one.
    pub frames: Range<usize>,
}

/// The best way to say a transcript in the frames of an utterance.
#[derive(Clone, Debug, PartialEq)]
pub struct Alignment {
    /// The acoustic model's output in each frame, `[frames]`.
    pub outputs: Vec<u32>,
    /// Phones and pauses in order; together they have all frames.
    pub phones: Vec<AlignedPhone>,
    /// The cost of this way.
    pub cost: f64,
}

/// A search for the best way to say a transcript, fed frame by frame.
#[derive(Debug)]
pub struct Aligner<'a> {
    graph: &'a TranscriptGraph,
    viterbi: Viterbi<'a>,
}

/// A language model of one sentence.
struct Sentence<'a>(&'a [u32]);

impl WordModel for Sentence<'_> {
    /// How many words have been said.
    type State = usize;

    fn start(&self) -> usize {
        0
    }

    fn advance(&self, said: usize, word: u32) -> (usize, f64) {
        match self.0.get(said) == Some(&word) {
            true => (said + 1, 0.0),
            false => (said, f64::INFINITY),
        }
    }

    fn finish(&self, said: usize) -> f64 {
        if said == self.0.len() { 0.0 } else { f64::INFINITY }
    }
}

impl TranscriptGraph {
    /// The graph of `words`. It is the smaller, the fewer other words `lexicon` has.
    ///
    /// # Errors
    /// [`Error::Empty`] for a word that the lexicon does not have; [`Error::TooLarge`] for a transcript that needs more than
    /// `most_states` states; as [`Topology::model`].
    pub fn new(
        words: &[u32],
        lexicon: &Lexicon,
        topology: &Topology,
        most_states: usize,
    ) -> Result<Self, Error> {
        for (place, word) in words.iter().enumerate() {
            if !lexicon.pronunciations().iter().any(|said| said.word == *word) {
                let what =
                    format!("the list of pronunciations of word {word}, at place {place} of a transcript");
                return Err(Error::Empty { what });
            }
        }
        let graph = static_graph_of_phones(lexicon, topology, &Sentence(words), most_states)?;
        let silence = lexicon.silence().map(|_| lexicon.silence_label());
        Ok(Self { graph, words: words.len(), silence })
    }

    /// How many states the graph has.
    pub fn len(&self) -> usize {
        self.graph.graph.len()
    }

    /// Always false: a graph has a start.
    pub fn is_empty(&self) -> bool {
        self.graph.graph.is_empty()
    }

    /// How many words the transcript has.
    pub fn words(&self) -> usize {
        self.words
    }

    /// How many frames the shortest way to say the transcript takes: no shorter utterance can be aligned.
    pub fn fewest_frames(&self) -> usize {
        let graph = &self.graph.graph;
        let mut frames = vec![usize::MAX; graph.len()];
        let mut open = VecDeque::from([graph.start()]);
        frames[graph.start() as usize] = 0;
        let mut fewest = usize::MAX;
        // States with fewer frames come first: arcs without input lead to the front of the queue.
        while let Some(state) = open.pop_front() {
            let so_far = frames[state as usize];
            if graph.final_cost(state) < f64::INFINITY {
                fewest = fewest.min(so_far);
            }
            graph.epsilon(state, |arc| {
                if so_far < frames[arc.next as usize] {
                    frames[arc.next as usize] = so_far;
                    open.push_front(arc.next);
                }
            });
            graph.emitting(state, |arc| {
                if so_far + 1 < frames[arc.next as usize] {
                    frames[arc.next as usize] = so_far + 1;
                    open.push_back(arc.next);
                }
            });
        }
        fewest
    }

    /// A search that has seen no frame. Paths that are more than `beam` nats worse than the best of their frame are given up.
    pub fn align(&self, beam: f64) -> Aligner<'_> {
        Aligner { graph: self, viterbi: Viterbi::new(&self.graph.graph, beam) }
    }
}

impl Aligner<'_> {
    /// Searches one more frame, whose acoustic cost of output i is `costs[i]`.
    ///
    /// # Errors
    /// If there are too few costs, one is NaN or minus infinity, or no path leads past this frame.
    pub fn advance(&mut self, costs: &[f32]) -> Result<(), Error> {
        self.viterbi.advance(costs)
    }

    /// The best way to say the whole transcript in the frames so far; `None` if no path within the beam has come to its end.
    pub fn finish(self) -> Option<Alignment> {
        let (cost, steps) = self.viterbi.finish()?;
        let TranscriptGraph { graph: PhoneGraph { phones, place_of, .. }, silence, .. } = self.graph;
        let mut alignment = Alignment { outputs: Vec::new(), phones: Vec::new(), cost };
        // The place of the phone that is being said, the first phone whose word is not known yet, and how many words there were.
        let (mut at, mut unknown, mut words) = (None, 0, 0);
        for Step { state, input, output } in steps {
            // All arcs with input lead to a state of a phone.
            if let (Some(model_output), Some(place)) = (input.checked_sub(1), place_of[state as usize]) {
                let frame = alignment.outputs.len();
                alignment.outputs.push(model_output);
                match alignment.phones.last_mut().filter(|_| at == Some(place)) {
                    Some(same) => same.frames.end = frame + 1,
                    None => {
                        let phone = phones[place as usize];
                        alignment.phones.push(AlignedPhone { phone, word: None, frames: frame..frame + 1 });
                    }
                }
                at = Some(place);
            }
            if output != 0 {
                // Labels follow the phones that they are of.
                if Some(output) != *silence {
                    alignment.phones[unknown..].iter_mut().for_each(|phone| phone.word = Some(words));
                    words += 1;
                }
                unknown = alignment.phones.len();
            }
        }
        Some(alignment)
    }
}
