//! A tree for people to read.

use crate::{Node, Part, Question, Tree};
use std::fmt;
use stentor_inventory::PhoneId;

/// Most phones of a question that are written out.
const PHONES_SHOWN: usize = 12;

/// Deepest level that is still indented further: the nodes of a forged file may form a chain.
const DEEPEST: usize = 64;

/// One root after the other, each with its questions and senones, `yes` before `no`, indented by depth.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = None;
        for phone in self.scheme().phones.ids() {
            for state in 0..self.scheme().topology.states() {
                let Some(root) = self.root(phone, state) else { continue };
                // States that share a root stand under the first of them.
                if last.replace(root) != Some(root) {
                    self.write_below(f, phone, state, root)?;
                }
            }
        }
        Ok(())
    }
}

impl Tree {
    fn write_below(&self, f: &mut fmt::Formatter<'_>, phone: PhoneId, state: u8, root: usize) -> fmt::Result {
        let name = self.scheme().phones.name(phone).unwrap_or_default();
        let mut open = vec![(root, 0, format!("{name}, state {state}: "))];
        while let Some((node, depth, answer)) = open.pop() {
            write!(f, "{:indent$}{answer}", "", indent = 2 * depth.min(DEEPEST))?;
            match &self.nodes()[node] {
                Node::Leaf(senone) => {
                    let Some(leaf) = self.leaves().get(senone.index()) else { continue };
                    let (frames, states) = (leaf.frames, leaf.states_seen);
                    writeln!(f, "senone {senone}, {frames} frames of {states} triphone states")?;
                }
                Node::Split { question, yes, no, gain } => {
                    writeln!(f, "{}? gain {gain:.1}", self.words(question))?;
                    open.push((*no, depth + 1, "no: ".to_owned()));
                    open.push((*yes, depth + 1, "yes: ".to_owned()));
                }
            }
        }
        Ok(())
    }

    fn words(&self, question: &Question) -> String {
        let name = |number: u16| match question.part() {
            Part::State => number.to_string(),
            Part::Left | Part::Right => {
                self.scheme().phones.name(PhoneId::new(number)).map(str::to_owned).unwrap_or_default()
            }
        };
        let names: Vec<String> = question.numbers().map(name).collect();
        let more = names.len().saturating_sub(PHONES_SHOWN);
        let mut list = names[..names.len() - more].join(" ");
        if more > 0 {
            list += &format!(" and {more} more");
        }
        match question.part() {
            Part::Left => format!("left one of {list}"),
            Part::Right => format!("right one of {list}"),
            Part::State => format!("state one of {list}"),
        }
    }
}
