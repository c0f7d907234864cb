//! Pronunciations, and the two networks that are made of them.

mod contexts;
mod hmm;
mod static_graph;
mod topology;
mod tree;

pub use hmm::{Hmm, Next};
pub use static_graph::static_graph;
pub(crate) use static_graph::{PhoneGraph, static_graph_of_phones};
pub use topology::{Context, Topology};
pub use tree::{Tree, TreeNetwork, TreeState};

use crate::error::{Error, finite};

/// One way to say a word.
#[derive(Clone, Debug, PartialEq)]
pub struct Pronunciation {
    /// The word's label, at least 1. A word may have several pronunciations, and words may share one.
    pub word: u32,
    /// Its phones, at least one.
    pub phones: Vec<u32>,
    /// Its cost among the pronunciations of the word.
    pub cost: f64,
}

/// A pause that may precede every word and the end. To the phones beside it, it is a neighbour like any other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Silence {
    /// The phone of pauses.
    pub phone: u32,
    /// How probable a pause is at each place where one may be.
    pub probability: f64,
}

/// Two labels are larger than those of words.
const LARGEST_WORD: u32 = u32::MAX - 2;

/// All pronunciations.
#[derive(Clone, Debug, PartialEq)]
pub struct Lexicon {
    pronunciations: Vec<Pronunciation>,
    silence: Option<Silence>,
}

impl Lexicon {
    /// A lexicon for these phones' models.
    ///
    /// # Errors
    /// If a word is 0 or too large, a pronunciation is empty or has a phone without model, a cost is not finite, or the probability
    /// of a pause is not between 0 and 1.
    pub fn new(
        pronunciations: Vec<Pronunciation>,
        silence: Option<Silence>,
        topology: &Topology,
    ) -> Result<Self, Error> {
        let count = topology.len() as u64;
        let known = |phone: u32| match u64::from(phone) < count {
            true => Ok(()),
            false => Err(Error::OutOfRange { what: "phone", index: phone.into(), count }),
        };
        for (number, Pronunciation { word, phones, cost }) in pronunciations.iter().enumerate() {
            if !(1..=LARGEST_WORD).contains(word) {
                let what = format!("the word of pronunciation {number}");
                return Err(Error::Value { what, found: f64::from(*word), expected: "from 1 to 2^32 - 3" });
            }
            if phones.is_empty() {
                return Err(Error::Empty { what: format!("pronunciation {number}") });
            }
            phones.iter().try_for_each(|phone| known(*phone))?;
            finite(*cost, || format!("the cost of pronunciation {number}"))?;
        }
        if let Some(Silence { phone, probability }) = silence {
            known(phone)?;
            if !(probability > 0.0 && probability < 1.0) {
                let what = "the probability of a pause".into();
                return Err(Error::Value { what, found: probability, expected: "above 0 and below 1" });
            }
        }
        Ok(Self { pronunciations, silence })
    }

    /// The pronunciations.
    pub fn pronunciations(&self) -> &[Pronunciation] {
        &self.pronunciations
    }

    /// The pause, if there is one.
    pub fn silence(&self) -> Option<Silence> {
        self.silence
    }

    /// The label of pauses: one more than that of any word.
    pub(crate) fn silence_label(&self) -> u32 {
        self.pronunciations.iter().map(|pronunciation| pronunciation.word).max().unwrap_or(0) + 1
    }

    /// The label that tells where a word ends.
    fn end_label(&self) -> u32 {
        self.silence_label() + 1
    }
}
