//! Which phone and which of its states each output of an acoustic model stands for.

use crate::Error;
use std::collections::BTreeMap;
use std::ops::Range;

/// What one output of the model stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenoneLabel<'a> {
    /// Name of the phone.
    pub phone: &'a str,
    /// Tells the states of a phone apart. It says nothing about their order: of tied states it is a name.
    pub state: u8,
    /// Silence, breath or noise: left out of phone sequences and of speech-only rates.
    pub silence: bool,
}

/// A phone and its states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// Name as in the dictionary.
    pub name: String,
    /// Silence, breath or noise.
    pub silence: bool,
    /// Its states' indices in [`PhoneSet::states`], in the order of their numbers.
    pub states: Range<usize>,
}

/// One state of a phone; several senones may be tied to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Index in [`PhoneSet::phones`].
    pub phone: u16,
    /// Senones that are summed to this state.
    pub senones: u32,
}

/// The outputs of an acoustic model, sorted into phones (in order of first appearance) and states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneSet {
    phones: Vec<Phone>,
    states: Vec<State>,
    state_of_senone: Vec<u16>,
}

impl PhoneSet {
    /// Sorts senones, given in the order of the model's outputs.
    ///
    /// # Errors
    /// [`Error::NoSenones`], [`Error::TooManySenones`], [`Error::MixedSilence`].
    pub fn new<'a>(senones: impl IntoIterator<Item = SenoneLabel<'a>>) -> Result<Self, Error> {
        let senones: Vec<SenoneLabel<'a>> = senones.into_iter().collect();
        if senones.is_empty() {
            return Err(Error::NoSenones);
        }
        if senones.len() > usize::from(u16::MAX) + 1 {
            return Err(Error::TooManySenones { found: senones.len() });
        }
        let mut phones: Vec<Phone> = Vec::new();
        let mut index: BTreeMap<&str, usize> = BTreeMap::new();
        let mut members: BTreeMap<(usize, u8), Vec<usize>> = BTreeMap::new();
        for (id, senone) in senones.iter().enumerate() {
            let phone = *index.entry(senone.phone).or_insert_with(|| {
                phones.push(Phone { name: senone.phone.to_owned(), silence: senone.silence, states: 0..0 });
                phones.len() - 1
            });
            if phones[phone].silence != senone.silence {
                return Err(Error::MixedSilence { phone: senone.phone.to_owned() });
            }
            members.entry((phone, senone.state)).or_default().push(id);
        }
        let mut states = Vec::with_capacity(members.len());
        let mut state_of_senone = vec![0; senones.len()];
        for ((phone, _), ids) in &members {
            let state = states.len();
            let range = &mut phones[*phone].states;
            *range = if range.end == 0 { state..state + 1 } else { range.start..state + 1 };
            for &id in ids {
                state_of_senone[id] = narrow(state);
            }
            let senones = u32::try_from(ids.len()).expect("at most 65536 senones were admitted");
            states.push(State { phone: narrow(*phone), senones });
        }
        Ok(Self { phones, states, state_of_senone })
    }

    /// Phones in order of first appearance.
    #[must_use]
    pub fn phones(&self) -> &[Phone] {
        &self.phones
    }

    /// States, ordered by phone and then by number.
    #[must_use]
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// The phone of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<u16> {
        self.phones.iter().position(|phone| phone.name == name).map(narrow)
    }

    /// Number of the model's outputs.
    #[must_use]
    pub fn senones(&self) -> usize {
        self.state_of_senone.len()
    }

    /// State of a senone, `None` beyond the last one.
    #[must_use]
    pub fn state_of(&self, senone: u16) -> Option<u16> {
        self.state_of_senone.get(usize::from(senone)).copied()
    }

    /// Whether a phone is silence. Phones beyond the last one are not.
    #[must_use]
    pub fn is_silence(&self, phone: u16) -> bool {
        self.phones.get(usize::from(phone)).is_some_and(|p| p.silence)
    }

    /// States of an alignment of senone ids.
    ///
    /// # Errors
    /// [`Error::UnknownSenone`] with the frame.
    pub fn states_of(&self, alignment: &[u16]) -> Result<Vec<u16>, Error> {
        let of = |(frame, &id): (usize, &u16)| {
            self.state_of(id).ok_or(Error::UnknownSenone { frame, id, senones: self.senones() })
        };
        alignment.iter().enumerate().map(of).collect()
    }

    /// A sequence of phones without silence: what phone error rates compare.
    #[must_use]
    pub fn spoken(&self, phones: &[u16]) -> Vec<u16> {
        phones.iter().copied().filter(|&p| !self.is_silence(p)).collect()
    }

    /// Phone of a state of this set.
    pub(crate) fn phone_of(&self, state: u16) -> u16 {
        self.states[usize::from(state)].phone
    }
}

/// Counts below 65,536 by construction: there are never more phones or states than senones.
fn narrow(value: usize) -> u16 {
    u16::try_from(value).expect("at most 65536 senones were admitted")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn senone(phone: &str, state: u8) -> SenoneLabel<'_> {
        SenoneLabel { phone, state, silence: phone == "SIL" }
    }

    #[test]
    fn outputs_in_any_order_are_sorted_into_phones_and_states() {
        let set = PhoneSet::new([senone("B", 1), senone("A", 0), senone("B", 0), senone("B", 1)]).unwrap();
        let names: Vec<&str> = set.phones().iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["B", "A"]);
        assert_eq!((set.phones()[0].states.clone(), set.phones()[1].states.clone()), (0..2, 2..3));
        assert_eq!([0, 1, 2, 3].map(|id| set.state_of(id).unwrap()), [1, 2, 0, 1]);
        assert_eq!(
            set.states().iter().map(|s| s.senones).collect::<Vec<_>>(),
            [1, 2, 1],
            "two are tied to B's end"
        );
        assert_eq!(set.state_of(4), None);
    }

    #[test]
    fn an_alignment_with_an_unknown_senone_names_the_frame() {
        let set = PhoneSet::new([senone("A", 0)]).unwrap();
        assert_eq!(set.states_of(&[0, 7]), Err(Error::UnknownSenone { frame: 1, id: 7, senones: 1 }));
    }

    #[test]
    fn a_phone_is_silence_or_speech_but_not_both() {
        let loud = SenoneLabel { phone: "SIL", state: 1, silence: false };
        assert_eq!(PhoneSet::new([senone("SIL", 0), loud]), Err(Error::MixedSilence { phone: "SIL".into() }));
        assert_eq!(PhoneSet::new([]), Err(Error::NoSenones));
    }
}
