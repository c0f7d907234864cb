//! What makes nodes a tree. The nodes of a file are untrusted.

use super::{Node, Tree};
use crate::Part;
use stentor_inventory::MAX_SENONES;

impl Tree {
    /// Each node but the roots comes after the one that leads to it, and one alone leads to it; so walks end. Each senone has a
    /// leaf, and none is shared by two phones.
    pub(super) fn check(&self) -> Result<(), String> {
        self.scheme.check().map_err(|error| error.to_string())?;
        let (phones, states) = (self.scheme.phones.len(), self.scheme.topology.states());
        let expected = phones * usize::from(states);
        if self.roots.len() != expected {
            return Err(format!("expected {expected} roots of states, found {}", self.roots.len()));
        }
        if self.leaves.len() > MAX_SENONES {
            return Err(format!("expected at most {MAX_SENONES} senones, found {}", self.leaves.len()));
        }
        let owners = self.owners()?;
        let mut phone_of_senone = vec![None; self.leaves.len()];
        for (place, (node, owner)) in self.nodes.iter().zip(owners).enumerate() {
            let owner = owner.ok_or_else(|| format!("nothing leads to node {place}"))?;
            let Node::Leaf(senone) = node else { continue };
            let phone = phone_of_senone
                .get_mut(senone.index())
                .ok_or_else(|| format!("node {place}: senone {senone} is unknown"))?;
            if phone.is_some_and(|other| other != owner) {
                return Err(format!("node {place}: senone {senone} is part of two phones"));
            }
            *phone = Some(owner);
        }
        match phone_of_senone.iter().position(Option::is_none) {
            Some(senone) => Err(format!("senone {senone} has no leaf")),
            None => Ok(()),
        }
    }

    /// The phone that each node belongs to; `None` for a node that nothing leads to.
    fn owners(&self) -> Result<Vec<Option<usize>>, String> {
        let states = usize::from(self.scheme.topology.states());
        let mut owners: Vec<Option<usize>> = vec![None; self.nodes.len()];
        for (place, &root) in self.roots.iter().enumerate() {
            let phone = place / states;
            let owner = owners.get_mut(root).ok_or_else(|| format!("root {root} is not a node"))?;
            if owner.is_some_and(|other| other != phone) {
                return Err(format!("root {root} is shared by two phones"));
            }
            *owner = Some(phone);
        }
        for (place, node) in self.nodes.iter().enumerate() {
            let Node::Split { question, yes, no, .. } = node else { continue };
            let limit = if question.part() == Part::State { states } else { self.scheme.phones.len() };
            if let Some(number) = question.numbers().find(|&number| usize::from(number) >= limit) {
                return Err(format!("node {place} asks for number {number}, there are {limit}"));
            }
            for &child in [yes, no] {
                if child <= place || child >= self.nodes.len() {
                    return Err(format!("node {place} leads to node {child}, which is not one after it"));
                }
                if owners[child].is_some() {
                    return Err(format!("node {child} is led to twice"));
                }
                owners[child] = owners[place];
            }
        }
        Ok(owners)
    }
}
