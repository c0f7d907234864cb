//! The most likely phone sequence of an utterance: Viterbi search over phone models connected by a bigram.

use crate::{Error, PhoneModel, Posteriors};
use serde::{Deserialize, Serialize};
use stentor_inventory::PhoneSet;

/// Weights of acoustics and bigram; chosen on dev data, see [`crate::tune`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DecoderSettings {
    /// Factor on the acoustic log-likelihoods. Default 0.7; above 0, at most 100.
    pub acoustic_scale: f32,
    /// Added for each phone, nats: negative values give fewer and longer phones. Default 0; -100 to 100.
    pub phone_bonus: f32,
    /// Exponent α of the prior in posterior / prior^α, the likelihood up to a factor. Default 0.5; 0 to 2.
    pub prior_exponent: f32,
}

impl Default for DecoderSettings {
    fn default() -> Self {
        Self { acoustic_scale: 0.7, phone_bonus: 0.0, prior_exponent: 0.5 }
    }
}

impl DecoderSettings {
    fn validate(&self) -> Result<(), Error> {
        let within = |name, ok, expected, found| {
            if ok { Ok(()) } else { Err(Error::Setting { name, expected, found }) }
        };
        let scale = self.acoustic_scale;
        within("acoustic_scale", scale > 0.0 && scale <= 100.0, "above 0, at most 100", scale)?;
        within("phone_bonus", self.phone_bonus.abs() <= 100.0, "-100 to 100", self.phone_bonus)?;
        within("prior_exponent", (0.0..=2.0).contains(&self.prior_exponent), "0 to 2", self.prior_exponent)
    }
}

/// The result of recognising one utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoding {
    /// Phones in order, including silence; one entry each time a phone is spoken.
    pub phones: Vec<u16>,
    /// Log-score of the best path, nats.
    pub log_score: f64,
}

/// A Viterbi decoder: exact, without a beam, for phone sets small enough (a few hundred states) to fit into a cache.
#[derive(Debug, Clone)]
pub struct Decoder<'a> {
    phones: &'a PhoneSet,
    model: &'a PhoneModel,
    scale: f32,
    bonus: f32,
    /// `[states]`: subtracted from a state's scaled log-posterior for its prior.
    prior_charge: Vec<f32>,
    /// `[phones × phones]`: log-probability of the bigram plus bonus.
    follows: Vec<f32>,
}

/// Back pointer of a state in a frame: the previous state, and whether a new phone began.
const NEW_PHONE: u32 = 1 << 31;

impl<'a> Decoder<'a> {
    /// Creates a decoder for models with the outputs of `phones`; `model` must have been estimated for the same phones.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting out of bounds, [`Error::Shape`] if model and phones differ.
    pub fn new(
        phones: &'a PhoneSet,
        model: &'a PhoneModel,
        settings: DecoderSettings,
    ) -> Result<Self, Error> {
        settings.validate()?;
        if model.prior.len() != phones.states().len() || model.phones != phones.phones().len() {
            let (expected, found) = (phones.states().len(), model.prior.len());
            return Err(Error::Shape { what: "states of the phone model", expected, found });
        }
        let DecoderSettings { acoustic_scale: scale, phone_bonus: bonus, prior_exponent } = settings;
        let edges = model.phones + 1;
        let rows = model.follows.chunks_exact(edges).take(model.phones);
        Ok(Self {
            phones,
            model,
            scale,
            bonus,
            prior_charge: model.prior.iter().map(|p| scale * prior_exponent * p).collect(),
            follows: rows.flat_map(|row| &row[..model.phones]).map(|l| l + bonus).collect(),
        })
    }

    /// Returns the best path through one utterance. An utterance without frames has no phones.
    ///
    /// # Errors
    /// [`Error::Shape`] if the posteriors belong to another phone set.
    pub fn decode(&self, posteriors: &Posteriors) -> Result<Decoding, Error> {
        posteriors.check(self.phones)?;
        if posteriors.frames() == 0 {
            return Ok(Decoding { phones: Vec::new(), log_score: 0.0 });
        }
        let mut search = Search::new(self, posteriors.frames());
        search.begin(posteriors);
        for frame in 1..posteriors.frames() {
            search.advance(posteriors, frame);
        }
        Ok(search.finish())
    }
}

/// The state of one search.
struct Search<'d> {
    decoder: &'d Decoder<'d>,
    /// `[states]`: acoustic scores of the frame.
    emission: Vec<f32>,
    /// `[states]`: score of the best path that ends here, minus `offset`.
    score: Vec<f32>,
    next: Vec<f32>,
    /// `[phones]`: score of the best path that leaves this phone now, and its last state in the phone.
    leave: Vec<f32>,
    leave_state: Vec<u32>,
    /// `[phones]`: score of the best path that enters this phone now, and the previous phone.
    enter: Vec<f32>,
    enter_from: Vec<u32>,
    /// `[frames × states]`.
    back: Vec<u32>,
    /// Subtracted from the scores frame by frame, so that single precision suffices for utterances of any length.
    offset: f64,
}

impl<'d> Search<'d> {
    fn new(decoder: &'d Decoder<'d>, frames: usize) -> Self {
        let (states, phones) = (decoder.phones.states().len(), decoder.phones.phones().len());
        Self {
            decoder,
            emission: vec![0.0; states],
            score: vec![0.0; states],
            next: vec![0.0; states],
            leave: vec![0.0; phones],
            leave_state: vec![0; phones],
            enter: vec![0.0; phones],
            enter_from: vec![0; phones],
            back: Vec::with_capacity(frames * states),
            offset: 0.0,
        }
    }

    fn emit(&mut self, posteriors: &Posteriors, frame: usize) {
        posteriors.states_into(frame, self.decoder.phones, &mut self.emission);
        for (value, charge) in self.emission.iter_mut().zip(&self.decoder.prior_charge) {
            *value = self.decoder.scale * value.ln() - charge;
        }
    }

    fn begin(&mut self, posteriors: &Posteriors) {
        self.emit(posteriors, 0);
        let model = self.decoder.model;
        let first = &model.follows[model.phones * (model.phones + 1)..];
        for (index, state) in self.decoder.phones.states().iter().enumerate() {
            let phone = usize::from(state.phone);
            self.score[index] = first[phone] + self.decoder.bonus + model.entry[index] + self.emission[index];
        }
        self.back.resize(self.score.len(), NEW_PHONE);
        self.rebase();
    }

    fn advance(&mut self, posteriors: &Posteriors, frame: usize) {
        self.emit(posteriors, frame);
        self.leave_phones();
        self.enter_phones();
        let model = self.decoder.model;
        for (index, phone) in self.decoder.phones.phones().iter().enumerate() {
            let from = self.leave_state[self.enter_from[index] as usize] | NEW_PHONE;
            for state in phone.states.clone() {
                let mut best = (self.enter[index] + model.entry[state], from);
                for &(before, log) in &model.moves[state] {
                    let value = self.score[usize::from(before)] + log;
                    if value > best.0 {
                        best = (value, u32::from(before));
                    }
                }
                self.next[state] = best.0 + self.emission[state];
                self.back.push(best.1);
            }
        }
        std::mem::swap(&mut self.score, &mut self.next);
        self.rebase();
    }

    fn leave_phones(&mut self) {
        for (index, phone) in self.decoder.phones.phones().iter().enumerate() {
            let mut best = (f32::NEG_INFINITY, phone.states.start as u32);
            for state in phone.states.clone() {
                let value = self.score[state] + self.decoder.model.exit[state];
                if value > best.0 {
                    best = (value, state as u32);
                }
            }
            (self.leave[index], self.leave_state[index]) = best;
        }
    }

    /// Every phone can follow every phone. The inner loop runs over the phone entered, so that it is vectorised.
    fn enter_phones(&mut self) {
        self.enter.fill(f32::NEG_INFINITY);
        for (from, (leave, row)) in
            self.leave.iter().zip(self.decoder.follows.chunks_exact(self.enter.len())).enumerate()
        {
            let from = from as u32;
            for ((best, best_from), follow) in self.enter.iter_mut().zip(&mut self.enter_from).zip(row) {
                let value = leave + follow;
                let better = value > *best;
                *best = if better { value } else { *best };
                *best_from = if better { from } else { *best_from };
            }
        }
    }

    fn rebase(&mut self) {
        let best = self.score.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        self.offset += f64::from(best);
        self.score.iter_mut().for_each(|s| *s -= best);
    }

    fn finish(mut self) -> Decoding {
        self.leave_phones();
        let model = self.decoder.model;
        let mut best = (f32::NEG_INFINITY, 0);
        for (phone, leave) in self.leave.iter().enumerate() {
            let value = leave + model.follows[phone * (model.phones + 1) + model.phones];
            if value > best.0 {
                best = (value, phone);
            }
        }
        let mut state = self.leave_state[best.1];
        let mut phones = Vec::new();
        for row in self.back.chunks_exact(self.score.len()).rev() {
            let back = row[state as usize];
            if back & NEW_PHONE != 0 {
                phones.push(self.decoder.phones.states()[state as usize].phone);
            }
            state = back & !NEW_PHONE;
        }
        phones.reverse();
        Decoding { phones, log_score: self.offset + f64::from(best.0) }
    }
}

#[cfg(test)]
mod tests;
