//! The phone and state of each output of an acoustic model.

use crate::{Error, Inventory, SenoneId};
use std::collections::BTreeMap;
use std::ops::Range;

/// A phone and its states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// Name as in the dictionary.
    pub name: String,
    /// Whether it is silence, breath or noise.
    pub silence: bool,
    /// Indices of its states in [`PhoneSet::states`], in order of state number.
    pub states: Range<usize>,
}

/// One state of a phone; several senones may be tied to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Index in [`PhoneSet::phones`].
    pub phone: u16,
    /// Senones whose probabilities are summed for this state.
    pub senones: u32,
}

/// The outputs of an acoustic model, grouped by phone (in order of first appearance) and state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneSet {
    phones: Vec<Phone>,
    states: Vec<State>,
    state_of_senone: Vec<u16>,
}

impl PhoneSet {
    /// Groups the senones of an inventory by phone and state.
    ///
    /// # Errors
    /// [`Error::NoSenones`], [`Error::MixedSilence`].
    pub fn new(inventory: &Inventory) -> Result<Self, Error> {
        if inventory.is_empty() {
            return Err(Error::NoSenones);
        }
        let mut phones: Vec<Phone> = Vec::new();
        let mut index: BTreeMap<&str, usize> = BTreeMap::new();
        let mut members: BTreeMap<(usize, u8), Vec<usize>> = BTreeMap::new();
        for (id, senone) in inventory.senones().iter().enumerate() {
            let phone = *index.entry(&senone.phone).or_insert_with(|| {
                phones.push(Phone { name: senone.phone.clone(), silence: senone.silence, states: 0..0 });
                phones.len() - 1
            });
            if phones[phone].silence != senone.silence {
                return Err(Error::MixedSilence { phone: senone.phone.clone() });
            }
            members.entry((phone, senone.state)).or_default().push(id);
        }
        let mut states = Vec::with_capacity(members.len());
        let mut state_of_senone = vec![0; inventory.len()];
        for ((phone, _), ids) in &members {
            let state = states.len();
            let range = &mut phones[*phone].states;
            *range = if range.end == 0 { state..state + 1 } else { range.start..state + 1 };
            for &id in ids {
                state_of_senone[id] = narrow(state);
            }
            let senones = u32::try_from(ids.len()).expect("an inventory has at most 65536 senones");
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
    #[inline]
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// Returns the phone with this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<u16> {
        self.phones.iter().position(|phone| phone.name == name).map(narrow)
    }

    /// Number of the model's outputs.
    #[must_use]
    pub fn senones(&self) -> usize {
        self.state_of_senone.len()
    }

    /// Returns the state of a senone, or `None` if it is out of range.
    #[must_use]
    #[inline]
    pub fn state_of(&self, senone: SenoneId) -> Option<u16> {
        self.state_of_senone.get(senone.index()).copied()
    }

    /// Whether a phone is silence. Phones out of range are not.
    #[must_use]
    pub fn is_silence(&self, phone: u16) -> bool {
        self.phones.get(usize::from(phone)).is_some_and(|p| p.silence)
    }

    /// Converts an alignment to states, `[frames]`.
    ///
    /// # Errors
    /// [`Error::UnknownSenone`] with the frame.
    pub fn states_of(&self, alignment: &[SenoneId]) -> Result<Vec<u16>, Error> {
        let of = |(frame, &id): (usize, &SenoneId)| {
            self.state_of(id).ok_or(Error::UnknownSenone { frame, id, senones: self.senones() })
        };
        alignment.iter().enumerate().map(of).collect()
    }

    /// Removes silence from a sequence of phones; phone error rates compare the result.
    #[must_use]
    pub fn spoken(&self, phones: &[u16]) -> Vec<u16> {
        phones.iter().copied().filter(|&p| !self.is_silence(p)).collect()
    }

    /// Returns the phone of a state of this set.
    ///
    /// # Panics
    /// If the state is out of range.
    #[must_use]
    #[inline]
    pub fn phone_of(&self, state: u16) -> u16 {
        self.states[usize::from(state)].phone
    }
}

/// Always below 65,536: there are never more phones or states than senones.
fn narrow(value: usize) -> u16 {
    u16::try_from(value).expect("an inventory has at most 65536 senones")
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::Senone;
    use proptest::prelude::*;

    /// A phone set with these states of phones. Senones are named by index, because several may be tied to one state.
    fn phone_set(states: &[(&str, u8)]) -> Result<PhoneSet, Error> {
        let senone = |(place, &(phone, state)): (usize, &(&str, u8))| Senone {
            name: place.to_string(),
            ..Senone::of_state(phone.to_owned(), state, &[])
        };
        PhoneSet::new(&Inventory::new(states.iter().enumerate().map(senone).collect())?)
    }

    #[test]
    fn outputs_in_any_order_are_sorted_into_phones_and_states() {
        let set = phone_set(&[("B", 1), ("A", 0), ("B", 0), ("B", 1)]).unwrap();
        let names: Vec<&str> = set.phones().iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["B", "A"]);
        assert_eq!((set.phones()[0].states.clone(), set.phones()[1].states.clone()), (0..2, 2..3));
        assert_eq!([0, 1, 2, 3].map(|id| set.state_of(SenoneId::new(id)).unwrap()), [1, 2, 0, 1]);
        assert_eq!(
            set.states().iter().map(|s| s.senones).collect::<Vec<_>>(),
            [1, 2, 1],
            "two are tied to B's end"
        );
        assert_eq!(set.state_of(SenoneId::new(4)), None);
    }

    #[test]
    fn an_alignment_with_an_unknown_senone_names_the_frame() {
        let set = phone_set(&[("A", 0)]).unwrap();
        let id = SenoneId::new(7);
        let error = set.states_of(&[SenoneId::new(0), id]).unwrap_err();
        assert_eq!(error, Error::UnknownSenone { frame: 1, id, senones: 1 });
        assert!(error.to_string().starts_with("frame 1: senone 7 is unknown"), "{error}");
    }

    #[test]
    fn a_phone_is_silence_or_speech_but_not_both() {
        let quiet = Senone::of_state("SIL".to_owned(), 0, &[]);
        let loud = Senone { silence: false, ..Senone::of_state("SIL".to_owned(), 1, &[]) };
        let mixed = Inventory::new(vec![quiet, loud]).unwrap();
        assert_eq!(PhoneSet::new(&mixed), Err(Error::MixedSilence { phone: "SIL".into() }));
        assert_eq!(phone_set(&[]), Err(Error::NoSenones));
    }

    proptest! {
        #[test]
        fn every_senone_has_the_phone_of_its_state(states in prop::collection::vec((0usize..4, 0u8..4), 1..30)) {
            let states: Vec<(&str, u8)> =
                states.into_iter().map(|(phone, state)| (["SIL", "A", "B", "C"][phone], state)).collect();
            let set = phone_set(&states).unwrap();
            prop_assert_eq!(set.senones(), states.len());
            for (number, (phone, _)) in (0u16..).zip(&states) {
                let state = set.state_of(SenoneId::new(number)).unwrap();
                prop_assert_eq!(&set.phones()[usize::from(set.phone_of(state))].name, phone);
                prop_assert!(set.phones()[usize::from(set.phone_of(state))].states.contains(&usize::from(state)));
            }
            let tied: u32 = set.states().iter().map(|state| state.senones).sum();
            prop_assert_eq!(tied as usize, states.len());
        }
    }
}
