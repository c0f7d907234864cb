//! The tree: from any state of any triphone to a senone.

mod check;

use crate::{Error, Question, Scheme, Span, Triphone, TriphoneState};
use std::collections::BTreeSet;
use stentor_inventory::{Inventory, PhoneId, Senone, SenoneId};

/// A node of the tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A question, and the nodes for both answers, which come later in the list of nodes.
    Split {
        /// What is asked.
        question: Question,
        /// The node for yes.
        yes: usize,
        /// The node for no.
        no: usize,
        /// The gain in log likelihood over the frames that the tree was grown from.
        gain: f64,
    },
    /// The senone. Leaves that were merged have the same one.
    Leaf(SenoneId),
}

/// What a tree knows of the frames of a senone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leaf {
    /// Number of frames that the tree was grown from.
    pub frames: f64,
    /// Number of states of triphones that have these frames.
    pub states_seen: u64,
}

/// Maps each state of each triphone to a senone.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    pub(crate) scheme: Scheme,
    /// The root of each state, `[phones × states]`.
    pub(crate) roots: Vec<usize>,
    pub(crate) nodes: Vec<Node>,
    /// By senone.
    pub(crate) leaves: Vec<Leaf>,
}

impl Tree {
    /// A tree that maps everything to exactly one senone.
    ///
    /// # Errors
    /// [`Error::Damaged`] for nodes that are none.
    pub(crate) fn new(
        scheme: Scheme,
        roots: Vec<usize>,
        nodes: Vec<Node>,
        leaves: Vec<Leaf>,
    ) -> Result<Self, Error> {
        let tree = Self { scheme, roots, nodes, leaves };
        tree.check().map_err(|reason| Error::Damaged { reason })?;
        Ok(tree)
    }

    /// Phones, their states, and what counts as a neighbour.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// All nodes; both nodes after a question come later than the question.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The root of a state of a phone of the table.
    #[must_use]
    pub fn root(&self, phone: PhoneId, state: u8) -> Option<usize> {
        let states = self.scheme.topology.states();
        let place = phone.index() * usize::from(states) + usize::from(state);
        (state < states).then(|| self.roots.get(place).copied()).flatten()
    }

    /// What is known of each senone, in the order of ids.
    #[must_use]
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// Number of senones.
    #[must_use]
    pub fn senones(&self) -> usize {
        self.leaves.len()
    }

    /// The senone of a state of a triphone, whether training saw it or not.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a phone beyond the table or a state beyond the topology.
    pub fn senone(&self, of: TriphoneState) -> Result<SenoneId, Error> {
        [of.left, of.centre, of.right].into_iter().try_for_each(|phone| self.scheme.known(phone))?;
        let states = usize::from(self.scheme.topology.states());
        let unknown = || Error::Unknown { what: "state", found: of.state.into(), limit: states };
        let mut node = self.root(of.centre, of.state).ok_or_else(unknown)?;
        loop {
            match &self.nodes[node] {
                Node::Leaf(senone) => return Ok(*senone),
                Node::Split { question, yes, no, .. } => node = if question.answer(of) { *yes } else { *no },
            }
        }
    }

    /// The senones of all states of a triphone, `[states]`.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a phone beyond the table.
    pub fn senones_of(&self, triphone: Triphone) -> Result<Vec<SenoneId>, Error> {
        (0..self.scheme.topology.states()).map(|state| self.senone(triphone.state(state))).collect()
    }

    /// The senone of each frame of an utterance, `[frames]`.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a phone beyond the table.
    pub fn alignment(&self, spans: &[Span]) -> Result<Vec<SenoneId>, Error> {
        let triphones = self.scheme.triphones(spans);
        let states = |(triphone, span): (Triphone, &Span)| {
            self.scheme.topology.of_frames(span.frames).map(move |state| triphone.state(state))
        };
        triphones.into_iter().zip(spans).flat_map(states).map(|state| self.senone(state)).collect()
    }

    /// The senones as the outputs of a model. Each is named `PHONE.state.n`, where `n` counts the senones of the phone; the
    /// state of a senone that several share is the lowest of them. Phones without context are silence.
    ///
    /// The inventory names this tree by its fingerprint.
    ///
    /// # Errors
    /// [`Error::Inventory`] if phones' names make two senones' names equal; otherwise as [`Tree::fingerprint`].
    pub fn inventory(&self) -> Result<Inventory, Error> {
        let mut owners: Vec<Option<(PhoneId, u8)>> = vec![None; self.senones()];
        let Scheme { phones, topology, .. } = &self.scheme;
        for phone in phones.ids() {
            for state in 0..topology.states() {
                for senone in self.senones_below(phone, state) {
                    owners[senone.index()].get_or_insert((phone, state));
                }
            }
        }
        let mut counts = vec![0_u32; phones.len()];
        let mut senone = |owner: &Option<(PhoneId, u8)>| {
            // The check of a tree made sure that each senone has a leaf below a root.
            let (phone, state) = (*owner)?;
            let name = phones.name(phone)?;
            let count = &mut counts[phone.index()];
            let senone = Senone {
                name: format!("{name}.{state}.{count}"),
                phone: name.to_owned(),
                silence: !self.scheme.has_context(phone),
                state,
            };
            *count += 1;
            Some(senone)
        };
        Ok(Inventory::of_tree(owners.iter().filter_map(&mut senone).collect(), self.fingerprint()?)?)
    }

    /// Reads the tree that senones are of.
    ///
    /// # Errors
    /// [`Error::Untied`], [`Error::OtherTree`]; otherwise as [`Tree::decode`].
    pub fn of(inventory: &Inventory, bytes: &[u8]) -> Result<Self, Error> {
        let untied = Error::Untied { senones: inventory.len() };
        let expected = inventory.tree().ok_or(untied)?.to_owned();
        let tree = Self::decode(bytes)?;
        let found = tree.fingerprint()?;
        if found == expected { Ok(tree) } else { Err(Error::OtherTree { expected, found }) }
    }

    /// The senones that a state of a phone may have, whatever its neighbours.
    #[must_use]
    pub fn senones_below(&self, phone: PhoneId, state: u8) -> BTreeSet<SenoneId> {
        let (mut senones, mut open) = (BTreeSet::new(), Vec::from_iter(self.root(phone, state)));
        while let Some(node) = open.pop() {
            match &self.nodes[node] {
                Node::Leaf(senone) => {
                    senones.insert(*senone);
                }
                Node::Split { question, yes, no, .. } if question.part() == crate::Part::State => {
                    let any = TriphoneState { centre: phone, state, left: phone, right: phone };
                    open.push(if question.answer(any) { *yes } else { *no });
                }
                Node::Split { yes, no, .. } => open.extend([*yes, *no]),
            }
        }
        senones
    }
}
