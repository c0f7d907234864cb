//! Small lexicons and language models.

#![allow(dead_code, reason = "each test target uses a part")]

use proptest::prelude::*;
use stentor_decode::{Hmm, Lexicon, Pronunciation, Silence, Topology, WordModel};

pub(crate) const WORDS: u32 = 3;

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

/// Three phones: of one state, of two in order, and of two of which the second may be left out. Phone 0 is also the pause.
pub(crate) fn topology() -> Topology {
    let phones = [Hmm::linear(&[0], 0.5), Hmm::linear(&[1, 2], 0.3), Hmm::skipping(&[3, 1], 0.6)];
    Topology { phones: phones.into_iter().collect::<Result<_, _>>().expect("valid"), scale: 0.8 }
}

pub(crate) fn lexicon() -> impl Strategy<Value = Lexicon> {
    let pronunciation = (1..=WORDS, prop::collection::vec(0..3u32, 1..3), 0.0..1.0f64);
    let pause = prop_oneof![Just(None), (0.1..0.9f64).prop_map(Some)];
    (prop::collection::vec(pronunciation, 1..5), pause).prop_map(|(pronunciations, pause)| {
        let pronunciations = pronunciations
            .into_iter()
            .map(|(word, phones, cost)| Pronunciation { word, phones, cost })
            .collect();
        let silence = pause.map(|probability| Silence { phone: 0, probability });
        Lexicon::new(pronunciations, silence, &topology()).expect("valid")
    })
}
