//! Which models the phones at the edges of words have, depending on the words beside them.

use super::{Lexicon, Topology};
use crate::error::Error;
use crate::triphone::Triphone;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The models of a lexicon's triphones, each known by a number, and the phones that may follow a word.
pub(super) struct Contexts<'a> {
    pub(super) topology: &'a Topology,
    /// Outputs of the states of each model.
    models: Vec<Vec<u32>>,
    numbers: HashMap<Vec<u32>, u32>,
    of_triphones: HashMap<Triphone, u32>,
    /// With which phones words begin.
    pub(super) firsts: BTreeSet<u32>,
    /// What may follow a word: the first phone of another, a pause, or the edge of the utterance.
    pub(super) after_word: Vec<u32>,
    /// What may follow a pause: the same without the pause, of which there is never a second one.
    pub(super) after_pause: Vec<u32>,
}

/// Phones that may follow, for which a phone's model is the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Part {
    pub(super) model: u32,
    /// In order.
    pub(super) rights: Vec<u32>,
}

impl<'a> Contexts<'a> {
    pub(super) fn new(lexicon: &Lexicon, topology: &'a Topology) -> Self {
        let firsts: BTreeSet<u32> =
            lexicon.pronunciations().iter().filter_map(|said| said.phones.first()).copied().collect();
        let after_pause: BTreeSet<u32> = firsts.iter().copied().chain([topology.edge()]).collect();
        let pause = lexicon.silence().map(|silence| silence.phone);
        let after_word: BTreeSet<u32> = after_pause.iter().copied().chain(pause).collect();
        Self {
            topology,
            models: Vec::new(),
            numbers: HashMap::new(),
            of_triphones: HashMap::new(),
            firsts,
            after_word: after_word.into_iter().collect(),
            after_pause: after_pause.into_iter().collect(),
        }
    }

    /// The number of a triphone's model. Triphones of different phones never share one: their states may be connected
    /// differently.
    ///
    /// # Errors
    /// As [`Topology::model`].
    pub(super) fn model(&mut self, triphone: Triphone) -> Result<u32, Error> {
        if let Some(&model) = self.of_triphones.get(&triphone) {
            return Ok(model);
        }
        // The phone itself makes the difference, after the outputs.
        let mut outputs = self.topology.model(triphone)?;
        outputs.push(triphone.centre);
        let fresh = self.models.len() as u32;
        let model = *self.numbers.entry(outputs).or_insert_with_key(|outputs| {
            self.models.push(outputs[..outputs.len() - 1].to_vec());
            fresh
        });
        self.of_triphones.insert(triphone, model);
        Ok(model)
    }

    /// The outputs of a model's states.
    pub(super) fn outputs(&self, model: u32) -> &[u32] {
        &self.models[model as usize]
    }

    /// The phones of `rights`, which is in order, by the model that `centre` has before them.
    ///
    /// # Errors
    /// As [`Topology::model`].
    pub(super) fn parts(&mut self, left: u32, centre: u32, rights: &[u32]) -> Result<Vec<Part>, Error> {
        self.parts_by(left, centre, rights, |right| right)
    }

    /// As [`Contexts::parts`], for the last phone of a word or a pause, which ends before one of `rights`.
    ///
    /// # Errors
    /// As [`Topology::model`].
    pub(super) fn parts_of_last(
        &mut self,
        left: u32,
        centre: u32,
        rights: &[u32],
    ) -> Result<Vec<Part>, Error> {
        let topology = self.topology;
        self.parts_by(left, centre, rights, |right| topology.beside_word(right))
    }

    fn parts_by(
        &mut self,
        left: u32,
        centre: u32,
        rights: &[u32],
        neighbour: impl Fn(u32) -> u32,
    ) -> Result<Vec<Part>, Error> {
        let mut parts: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for &right in rights {
            let model = self.model(Triphone { left, centre, right: neighbour(right) })?;
            parts.entry(model).or_default().push(right);
        }
        Ok(parts.into_iter().map(|(model, rights)| Part { model, rights }).collect())
    }

    /// For each phone that may precede a word, the first of those after which all words, and the pause, have the same models.
    ///
    /// # Errors
    /// As [`Topology::model`].
    pub(super) fn alike(&mut self, lexicon: &Lexicon) -> Result<HashMap<u32, u32>, Error> {
        let lasts = lexicon.pronunciations().iter().filter_map(|said| said.phones.last()).copied();
        let pause = lexicon.silence().map(|silence| silence.phone);
        let lefts: BTreeSet<u32> = lasts.chain([self.topology.edge()]).chain(pause).collect();
        let seconds = lexicon.pronunciations().iter().filter_map(|said| said.phones.get(1)).copied();
        let rights: BTreeSet<u32> = seconds.chain(self.after_word.iter().copied()).collect();
        let centres: BTreeSet<u32> = self.firsts.iter().copied().chain(pause).collect();
        let mut alike = HashMap::new();
        let mut first_of: HashMap<Vec<u32>, u32> = HashMap::new();
        for left in lefts {
            let mut models = Vec::with_capacity(centres.len() * rights.len());
            for &centre in &centres {
                for &right in &rights {
                    models.push(self.model(Triphone { left, centre, right })?);
                }
            }
            alike.insert(left, *first_of.entry(models).or_insert(left));
        }
        Ok(alike)
    }
}
