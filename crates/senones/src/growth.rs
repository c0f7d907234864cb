//! Growing the tree: the split with the largest gain first.

use crate::merging::merge_leaves;
use crate::questions::check_floor;
use crate::split::{Limits, Seen, Split, best_split};
use crate::tree::{Leaf, Node, Tree};
use crate::{Error, Gaussian, Part, Question, Questions, Scheme, Statistics, TriphoneState};
use rayon::prelude::*;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use stentor_inventory::{MAX_SENONES, PhoneId, SenoneId};

/// Where trees begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roots {
    /// Each state of each phone has a root of its own, so no senone is part of two states. Only a state without a frame shares
    /// that of the nearest state of its phone, because its senone would never be trained.
    PhoneState,
    /// All states of a phone share a root, and questions may ask for the state.
    Phone,
}

/// How a tree is grown.
#[derive(Debug, Clone)]
pub struct Growth<'a> {
    /// All phones that the tree is to map, seen or not. Those without context are never split.
    pub scheme: &'a Scheme,
    /// Where trees begin.
    pub roots: Roots,
    /// The number of leaves to grow to, before leaves are merged.
    pub leaves: usize,
    /// Fewest frames of a leaf that a split makes.
    pub minimum_count: f64,
    /// A split must gain more log likelihood than this, at least 0.
    pub minimum_gain: f64,
    /// Leaves of one root are merged while that loses less log likelihood than this; `None` merges none.
    pub merge_below: Option<f64>,
    /// Least variance of a value in a Gaussian.
    pub variance_floor: f64,
}

/// A tree, and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Grown {
    /// The tree.
    pub tree: Tree,
    /// Log likelihood of all frames with a Gaussian for each root.
    pub roots: f64,
    /// The gain of each split, in the order in which they were made.
    pub gains: Vec<f64>,
    /// The loss of each merge, in the order in which they were made.
    pub losses: Vec<f64>,
}

impl Grown {
    /// Log likelihood of all frames with a Gaussian for each senone.
    #[must_use]
    pub fn log_likelihood(&self) -> f64 {
        self.roots + self.gains.iter().sum::<f64>() - self.losses.iter().sum::<f64>()
    }
}

/// A leaf that may be split. The largest gain comes first; of equal ones the leaf of the lower node.
struct Candidate {
    node: usize,
    split: Split,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.split.gain.total_cmp(&other.split.gain).then(other.node.cmp(&self.node))
    }
}

impl Growth<'_> {
    /// Grows a tree from statistics with these questions about neighbours.
    ///
    /// # Errors
    /// [`Error::NoStatistics`], [`Error::Unknown`], [`Error::Boundary`], [`Error::VarianceFloor`], [`Error::Setting`],
    /// [`Error::Leaves`].
    pub fn grow(&self, statistics: &Statistics, questions: &Questions) -> Result<Grown, Error> {
        self.check(statistics)?;
        let mut nodes: Vec<Node> = Vec::new();
        let roots_of_states = self.roots_of_states(statistics);
        // What each node's frames are, by node; taken away from a node that is split.
        let mut seen: Vec<Vec<Seen<'_>>> = self.seen_at_roots(statistics, &roots_of_states);
        let roots: Vec<usize> = (0..seen.len()).collect();
        if !(roots.len()..=MAX_SENONES).contains(&self.leaves) {
            return Err(Error::Leaves { roots: roots.len(), found: self.leaves });
        }
        nodes.resize(seen.len(), Node::Leaf(SenoneId::new(0)));
        let likelihood = |seen: &Vec<Seen<'_>>| {
            Gaussian::sum_of(statistics.dimension(), seen.iter().map(|(_, gaussian)| *gaussian))
                .log_likelihood(self.variance_floor)
        };
        let likelihood_of_roots = seen.iter().map(likelihood).sum();
        let asked = self.asked(questions);
        let candidate = |(node, seen): (usize, &Vec<Seen<'_>>)| {
            let split = best_split(seen, self.asked_of(seen, &asked), self.limits())?;
            Some(Candidate { node, split })
        };
        let mut heap: BinaryHeap<Candidate> = seen.par_iter().enumerate().filter_map(candidate).collect();
        let mut gains = Vec::new();
        while roots.len() + gains.len() < self.leaves {
            let Some(Candidate { node, split }) = heap.pop() else { break };
            let whole = std::mem::take(&mut seen[node]);
            let (yes, no): (Vec<_>, Vec<_>) =
                whole.into_iter().partition(|(state, _)| split.question.answer(*state));
            let first = nodes.len();
            nodes[node] =
                Node::Split { question: split.question, yes: first, no: first + 1, gain: split.gain };
            nodes.extend([Node::Leaf(SenoneId::new(0)), Node::Leaf(SenoneId::new(0))]);
            gains.push(split.gain);
            let (left, right) = rayon::join(|| candidate((first, &yes)), || candidate((first + 1, &no)));
            heap.extend(left.into_iter().chain(right));
            seen.extend([yes, no]);
        }
        let (groups, losses) = self.merge(&roots, &nodes, &seen);
        let leaves = number_leaves(&mut nodes, &groups, &seen);
        let tree = Tree::new(self.scheme.clone(), roots_of_states, nodes, leaves)?;
        Ok(Grown { tree, roots: likelihood_of_roots, gains, losses })
    }

    fn check(&self, statistics: &Statistics) -> Result<(), Error> {
        check_floor(self.variance_floor)?;
        let settings = [
            ("minimum_count", Some(self.minimum_count)),
            ("minimum_gain", Some(self.minimum_gain)),
            ("merge_below", self.merge_below),
        ];
        for (setting, found) in settings {
            let bad = found.filter(|number| !(*number >= 0.0 && number.is_finite()));
            if let Some(found) = bad {
                return Err(Error::Setting { setting, expected: "a number of at least 0", found });
            }
        }
        if statistics.is_empty() {
            return Err(Error::NoStatistics);
        }
        self.scheme.check()?;
        let states = usize::from(self.scheme.topology.states());
        for (state, _) in statistics.states() {
            [state.left, state.centre, state.right].into_iter().try_for_each(|p| self.scheme.known(p))?;
            if usize::from(state.state) >= states {
                return Err(Error::Unknown { what: "state", found: state.state.into(), limit: states });
            }
        }
        Ok(())
    }

    fn limits(&self) -> Limits {
        let Self { variance_floor, minimum_count, minimum_gain, .. } = *self;
        Limits { variance_floor, minimum_count, minimum_gain }
    }

    /// Whether the states of a phone share a root. Without context there is nothing to ask, so each has its own.
    fn shares(&self, phone: PhoneId) -> bool {
        self.roots == Roots::Phone && self.scheme.has_context(phone)
    }

    /// The root of each state, `[phones × states]`, in this order.
    fn roots_of_states(&self, statistics: &Statistics) -> Vec<usize> {
        let states = usize::from(self.scheme.topology.states());
        let mut has_frames = vec![false; self.scheme.phones.len() * states];
        for (state, gaussian) in statistics.states() {
            has_frames[self.place(state)] |= gaussian.count() > 0.0;
        }
        let (mut roots, mut next) = (Vec::with_capacity(has_frames.len()), 0);
        for (phone, has_frames) in self.scheme.phones.ids().zip(has_frames.chunks(states)) {
            // States with a root of their own. The others share the nearest one, the lower of two equally near.
            let own: Vec<usize> = match self.shares(phone) {
                true => vec![0],
                false => (0..states).filter(|&state| has_frames[state]).collect(),
            };
            let nearest = |state: usize| (0..own.len()).min_by_key(|&place| own[place].abs_diff(state));
            roots.extend((0..states).map(|state| next + nearest(state).unwrap_or(0)));
            next += own.len().max(1);
        }
        roots
    }

    /// What was seen of each root, `[roots]`.
    fn seen_at_roots<'s>(&self, statistics: &'s Statistics, roots: &[usize]) -> Vec<Vec<Seen<'s>>> {
        let mut seen = vec![Vec::new(); roots.last().map_or(0, |last| last + 1)];
        for (state, gaussian) in statistics.states() {
            seen[roots[self.place(state)]].push((state, gaussian));
        }
        seen
    }

    /// The place of a state among those of all phones.
    fn place(&self, of: TriphoneState) -> usize {
        of.centre.index() * usize::from(self.scheme.topology.states()) + usize::from(of.state)
    }

    /// All questions: about the phone before, about the phone after, and whether the state is one of the first few.
    fn asked(&self, questions: &Questions) -> Vec<Question> {
        let of = |part| questions.bits().map(move |set| Question::new(part, set.clone()));
        let first = |end: u8| Question::new(Part::State, (0..u16::from(end)).collect());
        of(Part::Left).chain(of(Part::Right)).chain((1..self.scheme.topology.states()).map(first)).collect()
    }

    /// Those of all questions that may be asked of a node's states.
    fn asked_of<'q>(&self, seen: &[Seen<'_>], asked: &'q [Question]) -> &'q [Question] {
        let Some((state, _)) = seen.first() else { return &[] };
        if !self.scheme.has_context(state.centre) {
            return &[];
        }
        let of_states = usize::from(self.scheme.topology.states()) - 1;
        if self.shares(state.centre) { asked } else { &asked[..asked.len() - of_states] }
    }

    /// The nodes that are leaves, grouped by the senone they become, in the order of roots and then of nodes from the top;
    /// and the losses.
    fn merge(&self, roots: &[usize], nodes: &[Node], seen: &[Vec<Seen<'_>>]) -> (Vec<Vec<usize>>, Vec<f64>) {
        let leaves: Vec<Vec<usize>> = roots.iter().map(|&root| leaves_below(root, nodes)).collect();
        let Some(below) = self.merge_below else {
            return (leaves.into_iter().flatten().map(|leaf| vec![leaf]).collect(), Vec::new());
        };
        let merged = leaves.par_iter().map(|leaves| merge_leaves(leaves, seen, below, self.variance_floor));
        let (groups, losses): (Vec<_>, Vec<_>) = merged.collect::<Vec<_>>().into_iter().unzip();
        (groups.into_iter().flatten().collect(), losses.into_iter().flatten().collect())
    }
}

/// The leaves below a node, "yes" before "no".
fn leaves_below(node: usize, nodes: &[Node]) -> Vec<usize> {
    let (mut leaves, mut open) = (Vec::new(), vec![node]);
    while let Some(node) = open.pop() {
        match nodes[node] {
            Node::Leaf(_) => leaves.push(node),
            Node::Split { yes, no, .. } => open.extend([no, yes]),
        }
    }
    leaves
}

/// Gives the leaves of each group the same senone, and counts its frames.
fn number_leaves(nodes: &mut [Node], groups: &[Vec<usize>], seen: &[Vec<Seen<'_>>]) -> Vec<Leaf> {
    let mut leaves = Vec::with_capacity(groups.len());
    for (number, group) in (0..=u16::MAX).zip(groups) {
        let mut leaf = Leaf { frames: 0.0, states_seen: 0 };
        for &node in group {
            nodes[node] = Node::Leaf(SenoneId::new(number));
            leaf.frames += seen[node].iter().map(|(_, gaussian)| gaussian.count()).sum::<f64>();
            leaf.states_seen += seen[node].len() as u64;
        }
        leaves.push(leaf);
    }
    leaves
}
