//! The models of phones that the search uses.

use crate::states::States;
use crate::{Error, Statistics};
use stentor_decode::{Context, Hmm, Next, Topology, Triphone};
use stentor_inventory::{Inventory, PhoneId, PhoneTable, split_position};
use stentor_senones::Tree;

/// The phones of an acoustic model: their names, the outputs of their states, and which phone pauses are.
#[derive(Debug)]
pub struct Phones {
    table: PhoneTable,
    topology: Topology,
    pause: u32,
    outputs: usize,
    /// What the search knows in place of outputs, where several outputs are alternatives of one state.
    states: Option<States>,
}

/// The phone of pauses in an inventory: `SIL` or `sil`, or the only one that is silence.
#[must_use]
pub fn pause_phone(inventory: &Inventory) -> Option<&str> {
    let is_silence = |phone: &&str| {
        let first = inventory.of_phone(phone).first().and_then(|id| inventory.get(*id));
        first.is_some_and(|senone| senone.silence)
    };
    let silent: Vec<&str> = inventory.phones().filter(is_silence).collect();
    let named = silent.iter().find(|phone| split_position(phone).0.eq_ignore_ascii_case("sil"));
    match silent[..] {
        [only] => Some(only),
        _ => named.copied(),
    }
}

impl Phones {
    /// Phones whose outputs do not depend on context. State numbers are positions from left to right; any of them may be left out,
    /// because with frames of 30 ms most phones are shorter than their states are many. A state that has several outputs, as tied
    /// states of another program do, is as probable as all of them together.
    ///
    /// `statistics` say how long phones last; costs of transitions are multiplied by `scale`.
    ///
    /// # Errors
    /// [`Error::NeedsTree`] for the senones of a tying tree; [`Error::NoPause`]; [`Error::OtherInventory`] and [`Error::Counts`] for
    /// statistics of another model; [`Error::Inventory`], [`Error::Decode`] for an inventory or a scale that is none.
    pub fn of_inventory(inventory: &Inventory, statistics: &Statistics, scale: f64) -> Result<Self, Error> {
        same_inventory("the statistics", &statistics.inventory, inventory)?;
        statistics.check_outputs(inventory.len())?;
        let table = PhoneTable::new(inventory.phones().map(str::to_owned).collect())?;
        let pause = pause_of(inventory, &table)?;
        if let Some(tree) = inventory.tree() {
            return Err(Error::NeedsTree { tree: tree.to_owned() });
        }
        let (states, of_phones) = States::new(inventory);
        let is_merged = states.len() < inventory.len();
        let mut models = Vec::new();
        for name in table.names() {
            let (senones, own) = (inventory.of_phone(name), &of_phones[name]);
            let any = |_| true;
            let hmm = shape(own.len(), any, |from, to| from <= to, any, statistics.mean_frames(name))?;
            let outputs = match is_merged {
                true => own.clone(),
                false => senones.iter().map(|id| id.index() as u32).collect(),
            };
            models.push((hmm, outputs));
        }
        let topology = Topology::independent(models, scale)?;
        Ok(Self { table, topology, pause, outputs: inventory.len(), states: is_merged.then_some(states) })
    }

    /// Phones whose outputs depend on the phones beside them, by a tying tree. `inventory` is that of the acoustic model.
    ///
    /// What counts as a neighbour is what the tree's [`Scheme`](stentor_senones::Scheme) says, as in the alignments that the tree
    /// was grown from: the words beside a phone's own or none, and its boundary in place of silence and noise.
    ///
    /// # Errors
    /// [`Error::OtherInventory`] if the model's outputs are not the senones of the tree; otherwise as [`Phones::of_inventory`].
    pub fn of_tree(
        tree: &Tree,
        inventory: &Inventory,
        statistics: &Statistics,
        scale: f64,
    ) -> Result<Self, Error> {
        same_inventory("the statistics", &statistics.inventory, inventory)?;
        statistics.check_outputs(inventory.len())?;
        same_inventory("the tying tree", &tree.inventory()?.fingerprint(), inventory)?;
        let scheme = tree.scheme();
        let table = scheme.phones.clone();
        let pause = pause_of(inventory, &table)?;
        let states = scheme.topology;
        let hmm = |name: &String| {
            // States of a tree are numbered with 8 bits.
            let at = |state: usize| state as u8;
            shape(
                states.states().into(),
                |state| states.begins(at(state)),
                |from, to| states.follows(at(from), at(to)),
                |state| states.ends(at(state)),
                statistics.mean_frames(name),
            )
        };
        let hmms = table.names().iter().map(hmm).collect::<Result<_, _>>()?;
        let context = match scheme.context {
            stentor_senones::Context::WithinWords => Context::WithinWords,
            stentor_senones::Context::AcrossWords => Context::AcrossWords,
        };
        let edge = u32::from(scheme.boundary.number());
        let tree = tree.clone();
        let outputs = move |Triphone { left, centre, right }: Triphone| {
            // A phone table has fewer phones than 16 bits can number.
            let [left, centre, right] = [left, centre, right].map(|phone| PhoneId::new(phone as u16));
            let scheme = tree.scheme();
            let beside = |phone: PhoneId| match scheme.has_context(centre) && scheme.has_context(phone) {
                true => phone,
                false => scheme.boundary,
            };
            let triphone = stentor_senones::Triphone { centre, left: beside(left), right: beside(right) };
            let senones = tree.senones_of(triphone);
            senones.unwrap_or_default().into_iter().map(|id| id.index() as u32).collect()
        };
        let topology = Topology::tied(hmms, context, edge, scale, outputs)?;
        Ok(Self { table, topology, pause, outputs: inventory.len(), states: None })
    }

    /// The names of the phones.
    #[must_use]
    pub fn table(&self) -> &PhoneTable {
        &self.table
    }

    /// Number of the acoustic model's outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The states that several outputs are alternatives of; `None` if the search knows outputs.
    pub(crate) fn states(&self) -> Option<&States> {
        self.states.as_ref()
    }

    pub(crate) fn topology(&self) -> &Topology {
        &self.topology
    }

    pub(crate) fn pause(&self) -> u32 {
        self.pause
    }

    /// The number of a phone.
    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.table.id(name).map(|id| id.number().into())
    }
}

fn pause_of(inventory: &Inventory, table: &PhoneTable) -> Result<u32, Error> {
    let pause = pause_phone(inventory).and_then(|name| table.id(name));
    pause.map(|id| id.number().into()).ok_or(Error::NoPause)
}

fn same_inventory(what: &'static str, found: &str, inventory: &Inventory) -> Result<(), Error> {
    let expected = inventory.fingerprint();
    match found == expected {
        true => Ok(()),
        false => Err(Error::OtherInventory { what, expected, found: found.to_owned() }),
    }
}

/// A model of so many states that lasts about `mean` frames. Each state that may be repeated has its share of them; what is left
/// of its probability is shared by all that may follow.
fn shape(
    states: usize,
    begins: impl Fn(usize) -> bool,
    follows: impl Fn(usize, usize) -> bool,
    ends: impl Fn(usize) -> bool,
    mean: f64,
) -> Result<Hmm, Error> {
    /// However short a phone is, it may last another frame.
    const LEAST: f64 = 0.05;
    let loops = (0..states).filter(|&state| follows(state, state)).count().max(1);
    let again = (1.0 - loops as f64 / mean).max(LEAST);
    let first: Vec<usize> = (0..states).filter(|&state| begins(state)).collect();
    let entries = first.iter().map(|&state| (state, 1.0 / first.len() as f64)).collect();
    let transitions = |from: usize| {
        let later: Vec<Next> = (from + 1..states).filter(|&to| follows(from, to)).map(Next::State).collect();
        let exit = ends(from).then_some(Next::Exit);
        let even = |share: f64, next: &[Next]| {
            let each = share / next.len() as f64;
            next.iter().map(|&next| (next, each)).collect::<Vec<_>>()
        };
        if follows(from, from) {
            let onward: Vec<Next> = later.into_iter().chain(exit).collect();
            return [vec![(Next::State(from), again)], even(1.0 - again, &onward)].concat();
        }
        // The first frame of a phone whose later frames are in another state: it goes on as if it were repeated.
        match (exit, later.is_empty()) {
            (None, _) => even(1.0, &later),
            (Some(exit), true) => vec![(exit, 1.0)],
            (Some(exit), false) => [even(again, &later), vec![(exit, 1.0 - again)]].concat(),
        }
    };
    Ok(Hmm::new(entries, (0..states).map(transitions).collect())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_inventory::{Senone, SenoneId};

    fn inventory(states: &[(&str, u8)]) -> Inventory {
        let senone = |(place, &(phone, state)): (usize, &(&str, u8))| Senone {
            name: place.to_string(),
            ..Senone::of_state(phone.to_owned(), state, &[])
        };
        Inventory::new(states.iter().enumerate().map(senone).collect()).unwrap()
    }

    fn plain(states: &[(&str, u8)]) -> Result<Phones, Error> {
        let inventory = inventory(states);
        let mut statistics = Statistics::new(&inventory);
        statistics.add(&inventory, &SenoneId::list([0, 0, 0, 0, 1, 0, 0])).unwrap();
        Phones::of_inventory(&inventory, &statistics, 1.0)
    }

    #[test]
    fn a_phone_of_an_inventory_may_begin_and_end_in_any_state_and_lasts_as_long_as_in_the_alignments() {
        let phones = plain(&[("SIL", 0), ("A", 0), ("A", 1)]).unwrap();
        assert_eq!((phones.pause(), phones.table().names()), (1, &["A".to_owned(), "SIL".to_owned()][..]));
        let silence = phones.topology().hmm(1);
        // Six frames in two pauses: three frames each.
        let again = 1.0 - 1.0 / 3.0;
        assert_eq!(silence.states()[0], [(Next::State(0), again), (Next::Exit, 1.0 - again)]);
        let a = phones.topology().hmm(0);
        assert_eq!(a.entries(), [(0, 0.5), (1, 0.5)]);
        let next: Vec<Next> = a.states()[0].iter().map(|(next, _)| *next).collect();
        assert_eq!(next, [Next::State(0), Next::State(1), Next::Exit]);
    }

    #[test]
    fn a_phone_whose_first_frame_has_a_state_of_its_own_ends_after_each_frame_with_the_same_probability() {
        let topology = stentor_senones::Topology::FirstThenRest;
        let at = |state: usize| state as u8;
        let hmm = shape(
            2,
            |state| topology.begins(at(state)),
            |from, to| topology.follows(at(from), at(to)),
            |state| topology.ends(at(state)),
            4.0,
        );
        let hmm = hmm.unwrap();
        assert_eq!(hmm.entries(), [(0, 1.0)]);
        let same = vec![(Next::State(1), 0.75), (Next::Exit, 0.25)];
        assert_eq!(hmm.states(), [same.clone(), same]);
    }

    #[test]
    fn outputs_of_one_state_are_its_alternatives_and_pauses_need_a_phone() {
        let phones = plain(&[("SIL", 0), ("A", 1), ("A", 2), ("A", 1)]).unwrap();
        assert_eq!((phones.states().map(States::len), phones.outputs()), (Some(3), 4));
        let a = Triphone { left: 0, centre: 0, right: 0 };
        assert_eq!(phones.topology().model(a).unwrap(), [0, 1], "states 1 and 2 of A");
        assert!(plain(&[("SIL", 0), ("A", 1), ("A", 2)]).unwrap().states().is_none());
        assert!(matches!(plain(&[("B", 0), ("A", 1)]), Err(Error::NoPause)));
        let phones = [("SPN", 0), ("A", 1), ("SIL", 0)];
        assert_eq!(pause_phone(&inventory(&phones)), Some("SIL"));
        assert_eq!(pause_phone(&inventory(&[("pau", 0), ("A", 1)])), Some("pau"));
        assert_eq!(pause_phone(&inventory(&[("SPN", 0), ("NSN", 1)])), None);
    }
}
