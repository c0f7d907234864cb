//! How the tree is made of a lexicon and the models of phones in their contexts.

use super::places::{Draft, Places, Way, WordArc, shorten};
use super::prefixes::{Prefix, prefixes};
use crate::error::Error;
use crate::lexicon::contexts::{Contexts, Part};
use crate::lexicon::{Lexicon, Next, Topology};
use std::collections::HashMap;

/// A place between two words, known by all that can follow. Two places with the same future are one, so phones that have no
/// context cost nothing.
#[derive(PartialEq, Eq, Hash)]
struct Junction {
    after_pause: bool,
    is_final: bool,
    /// The models of the pause, as a number of [`Building::sequences`].
    pause: Option<u32>,
    /// First phones of the next word, and the models that each may have, as such a number.
    firsts: Vec<(u32, u32)>,
}

/// A place that exists and has no arcs yet.
enum Open {
    /// After a prefix, before one of these phones.
    After { prefix: usize, rights: Vec<u32> },
    /// After a word or pause, before one of these phones, which have `left` beside them.
    Junction { left: u32, rights: Vec<u32>, after_pause: bool },
    /// Where the last phone of words begins, or a pause.
    Last { centre: u32, parts: Vec<Part>, is_pause: bool },
}

struct Pause {
    phone: u32,
    cost: f64,
    /// What it costs not to pause.
    without: f64,
    label: u32,
}

pub(super) struct Building<'a> {
    contexts: Contexts<'a>,
    prefixes: Vec<Prefix>,
    pause: Option<Pause>,
    end_label: u32,
    drafts: Vec<Draft>,
    open: Vec<(u32, Open)>,
    /// Sequences of models, numbered.
    sequences: HashMap<Vec<u32>, u32>,
    /// The sequence of each pair of a phone before a word and the word's first phone.
    first_models: HashMap<(u32, u32), u32>,
    afters: HashMap<(usize, Vec<u32>), u32>,
    junctions: HashMap<Junction, u32>,
    lasts: HashMap<(u32, Vec<Part>, bool), u32>,
    /// The first state of each model with the place where it ends.
    phones: HashMap<(u32, u32), u32>,
}

impl<'a> Building<'a> {
    pub(super) fn new(
        lexicon: &Lexicon,
        topology: &'a Topology,
        look_ahead: impl Fn(u32) -> f64,
    ) -> Result<Self, Error> {
        let pause = lexicon.silence().map(|silence| Pause {
            phone: silence.phone,
            cost: -silence.probability.ln(),
            without: -(1.0 - silence.probability).ln(),
            label: lexicon.silence_label(),
        });
        Ok(Self {
            contexts: Contexts::new(lexicon, topology),
            prefixes: prefixes(lexicon, look_ahead)?,
            pause,
            end_label: lexicon.end_label(),
            drafts: Vec::new(),
            open: Vec::new(),
            sequences: HashMap::new(),
            first_models: HashMap::new(),
            afters: HashMap::new(),
            junctions: HashMap::new(),
            lasts: HashMap::new(),
            phones: HashMap::new(),
        })
    }

    pub(super) fn finish(mut self) -> Result<Places, Error> {
        let everything = self.contexts.after_word.clone();
        let start = self.junction(self.contexts.topology.edge(), everything, false)?;
        while let Some((place, open)) = self.open.pop() {
            match open {
                Open::After { prefix, rights } => self.after_prefix(place, prefix, &rights)?,
                Open::Junction { left, rights, after_pause } => {
                    self.between_words(place, left, &rights, after_pause)?;
                }
                Open::Last { centre, parts, is_pause } => self.last_phones(place, centre, parts, is_pause)?,
            }
        }
        shorten(&mut self.drafts);
        Ok(Places::new(&self.drafts, start))
    }

    /// The arcs of a junction.
    fn between_words(
        &mut self,
        place: u32,
        left: u32,
        rights: &[u32],
        after_pause: bool,
    ) -> Result<(), Error> {
        let mut without = 0.0;
        if let Some(Pause { phone, cost, without: cost_of_none, label }) = self.pause
            && !after_pause
        {
            without = cost_of_none;
            if rights.contains(&phone) {
                let next = self.last(left, phone, true)?;
                self.draft(place).epsilon.push(Way { next, label, weight: cost });
            }
        }
        if rights.contains(&self.contexts.topology.edge()) {
            self.draft(place).final_cost = without;
        }
        for &phone in rights {
            self.follow(place, left, 0, phone, without)?;
        }
        Ok(())
    }

    fn after_prefix(&mut self, place: u32, prefix: usize, rights: &[u32]) -> Result<(), Error> {
        let left = self.prefixes[prefix].phone;
        let charged = self.prefixes[prefix].ahead(rights);
        rights.iter().try_for_each(|&phone| self.follow(place, left, prefix, phone, -charged))
    }

    /// The arcs from `place` into one more phone of a prefix, if any word has it there.
    fn follow(&mut self, place: u32, left: u32, prefix: usize, phone: u32, cost: f64) -> Result<(), Error> {
        let Some(continuation) = self.prefixes[prefix].next.get(&phone) else { return Ok(()) };
        let words = continuation.words.clone();
        if let Some(longer) = continuation.longer {
            let rights = self.prefixes[longer].phones();
            for Part { model, rights } in self.contexts.parts(left, phone, &rights)? {
                let cost = cost + self.prefixes[longer].ahead(&rights);
                let exit = self.after(longer, rights);
                self.enter(place, phone, model, exit, 0, cost);
            }
        }
        if !words.is_empty() {
            let next = self.last(left, phone, false)?;
            let words = words.into_iter().map(|(word, own)| WordArc { word, next, cost: own + cost });
            self.draft(place).words.extend(words);
        }
        Ok(())
    }

    fn last_phones(
        &mut self,
        place: u32,
        centre: u32,
        parts: Vec<Part>,
        is_pause: bool,
    ) -> Result<(), Error> {
        for Part { model, rights } in parts {
            let exit = self.junction(centre, rights, is_pause)?;
            self.enter(place, centre, model, exit, self.end_label, 0.0);
        }
        Ok(())
    }

    fn after(&mut self, prefix: usize, rights: Vec<u32>) -> u32 {
        let fresh = self.drafts.len() as u32;
        let place = *self.afters.entry((prefix, rights.clone())).or_insert(fresh);
        self.opened(place, || Open::After { prefix, rights })
    }

    fn last(&mut self, left: u32, centre: u32, is_pause: bool) -> Result<u32, Error> {
        let rights = match is_pause {
            true => self.contexts.after_pause.clone(),
            false => self.contexts.after_word.clone(),
        };
        let parts = self.contexts.parts_of_last(left, centre, &rights)?;
        let fresh = self.drafts.len() as u32;
        let place = *self.lasts.entry((centre, parts.clone(), is_pause)).or_insert(fresh);
        Ok(self.opened(place, || Open::Last { centre, parts, is_pause }))
    }

    /// The place after a word or pause whose last phone is `last`, before one of `rights`.
    fn junction(&mut self, last: u32, rights: Vec<u32>, after_pause: bool) -> Result<u32, Error> {
        let topology = self.contexts.topology;
        let left = topology.beside_word(last);
        let pause = match &self.pause {
            Some(Pause { phone, .. }) if !after_pause && rights.contains(phone) => {
                let phone = *phone;
                let after = self.contexts.after_pause.iter().map(|right| topology.beside_word(*right));
                let after: Vec<u32> = after.collect();
                Some(self.sequence(left, phone, &after)?)
            }
            _ => None,
        };
        let mut firsts = Vec::new();
        for &phone in &rights {
            if self.contexts.firsts.contains(&phone) {
                firsts.push((phone, self.models_of_first(left, phone)?));
            }
        }
        let is_final = rights.contains(&self.contexts.topology.edge());
        let fresh = self.drafts.len() as u32;
        let key = Junction { after_pause, is_final, pause, firsts };
        let place = *self.junctions.entry(key).or_insert(fresh);
        Ok(self.opened(place, || Open::Junction { left, rights, after_pause }))
    }

    /// The number of the sequence of models that a word's first phone may have after `left`.
    fn models_of_first(&mut self, left: u32, phone: u32) -> Result<u32, Error> {
        if let Some(&number) = self.first_models.get(&(left, phone)) {
            return Ok(number);
        }
        let continuation = self.prefixes[0].next.get(&phone);
        let longer = continuation.and_then(|continuation| continuation.longer);
        let mut rights = longer.map_or_else(Vec::new, |prefix| self.prefixes[prefix].phones());
        if continuation.is_some_and(|continuation| !continuation.words.is_empty()) {
            let topology = self.contexts.topology;
            rights.extend(self.contexts.after_word.iter().map(|right| topology.beside_word(*right)));
        }
        let number = self.sequence(left, phone, &rights)?;
        self.first_models.insert((left, phone), number);
        Ok(number)
    }

    fn sequence(&mut self, left: u32, centre: u32, rights: &[u32]) -> Result<u32, Error> {
        let model = |&right: &u32| self.contexts.model(crate::triphone::Triphone { left, centre, right });
        let models = rights.iter().map(model).collect::<Result<Vec<_>, _>>()?;
        let fresh = self.sequences.len() as u32;
        Ok(*self.sequences.entry(models).or_insert(fresh))
    }

    /// Makes a place that was found to be new.
    fn opened(&mut self, place: u32, open: impl FnOnce() -> Open) -> u32 {
        if place as usize == self.drafts.len() {
            self.drafts.push(Draft::new());
            self.open.push((place, open()));
        }
        place
    }

    /// The arcs from `place` into a phone that ends at `exit`, where a word ends if the label is not 0.
    fn enter(&mut self, place: u32, phone: u32, model: u32, exit: u32, label: u32, cost: f64) {
        let first = match self.phones.get(&(model, exit)) {
            Some(first) => *first,
            None => self.phone(phone, model, exit, label),
        };
        let topology = self.contexts.topology;
        for &(state, probability) in topology.hmm(phone).entries() {
            let input = self.contexts.outputs(model)[state] + 1;
            let weight = cost + topology.cost(probability);
            let way = Way { next: first + state as u32, label: input, weight };
            self.drafts[place as usize].emitting.push(way);
        }
    }

    /// Adds the states of a phone, and returns the first.
    fn phone(&mut self, phone: u32, model: u32, exit: u32, label: u32) -> u32 {
        let first = self.drafts.len() as u32;
        let topology = self.contexts.topology;
        let outputs = self.contexts.outputs(model);
        for transitions in topology.hmm(phone).states() {
            let mut draft = Draft::new();
            for &(next, probability) in transitions {
                let weight = topology.cost(probability);
                match next {
                    Next::State(state) => {
                        draft.emitting.push(Way {
                            next: first + state as u32,
                            label: outputs[state] + 1,
                            weight,
                        });
                    }
                    Next::Exit => draft.epsilon.push(Way { next: exit, label, weight }),
                }
            }
            self.drafts.push(draft);
        }
        self.phones.insert((model, exit), first);
        first
    }

    fn draft(&mut self, place: u32) -> &mut Draft {
        &mut self.drafts[place as usize]
    }
}
