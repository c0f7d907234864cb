//! A tree as a file: JSON text, preceded by its blake3 digest.

use crate::{Context, Error, Leaf, Node, Part, Question, Scheme, Topology, Tree};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use stentor_inventory::{PhoneId, PhoneTable, SenoneId};

/// The version of the file's layout.
pub const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct SealedOut<'a> {
    blake3: String,
    tree: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedIn<'a> {
    blake3: String,
    #[serde(borrow)]
    tree: &'a RawValue,
}

/// Read before anything else: the rest of another version's tree may be laid out otherwise.
#[derive(Deserialize)]
struct Version {
    schema_version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    schema_version: u32,
    phones: PhoneTable,
    context_independent: Vec<String>,
    boundary: String,
    context: Context,
    topology: Topology,
    /// `[phones × states]`.
    roots: Vec<usize>,
    questions: Vec<StoredQuestion>,
    nodes: Vec<StoredNode>,
    senones: Vec<StoredLeaf>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredQuestion {
    /// Names of phones.
    Left(Vec<String>),
    /// Names of phones.
    Right(Vec<String>),
    /// Numbers of states.
    State(Vec<u16>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StoredNode {
    Split { question: usize, yes: usize, no: usize, gain: f64 },
    Senone(u16),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredLeaf {
    frames: f64,
    states_seen: u64,
}

impl Tree {
    /// The tree as the bytes of a file; the same tree always gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Damaged`] if a number in it is not finite.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let text = self.text()?;
        let blake3 = digest(&text);
        let tree = RawValue::from_string(text).map_err(damaged)?;
        let mut bytes = serde_json::to_vec(&SealedOut { blake3, tree: &tree }).map_err(damaged)?;
        bytes.push(b'\n');
        // JSON has no NaN and no infinity. It is better to fail now than to leave a tree that cannot be read later.
        Self::decode(&bytes)?;
        Ok(bytes)
    }

    /// The tree of a file's bytes.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Digest`], [`Error::SchemaVersion`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let sealed: SealedIn<'_> = serde_json::from_slice(bytes).map_err(damaged)?;
        let text = sealed.tree.get();
        let (expected, found) = (sealed.blake3, digest(text));
        if found != expected {
            return Err(Error::Digest { expected, found });
        }
        let Version { schema_version: found } = serde_json::from_str(text).map_err(damaged)?;
        if found != u64::from(SCHEMA_VERSION) {
            return Err(Error::SchemaVersion { expected: SCHEMA_VERSION, found });
        }
        restored(serde_json::from_str(text).map_err(damaged)?)
    }

    /// blake3 over its JSON text, hexadecimal: equal for equal trees.
    ///
    /// # Errors
    /// As [`Tree::encode`].
    pub fn fingerprint(&self) -> Result<String, Error> {
        Ok(digest(&self.text()?))
    }

    fn text(&self) -> Result<String, Error> {
        let names = |phones: &mut dyn Iterator<Item = PhoneId>| -> Vec<String> {
            phones.filter_map(|phone| self.scheme.phones.name(phone)).map(str::to_owned).collect()
        };
        let stored = |question: &Question| match question.part() {
            Part::Left => StoredQuestion::Left(names(&mut question.numbers().map(PhoneId::new))),
            Part::Right => StoredQuestion::Right(names(&mut question.numbers().map(PhoneId::new))),
            Part::State => StoredQuestion::State(question.numbers().collect()),
        };
        let mut questions = Vec::new();
        let mut places: BTreeMap<StoredQuestion, usize> = BTreeMap::new();
        let node = |node: &Node| match node {
            Node::Leaf(senone) => StoredNode::Senone(senone.number()),
            Node::Split { question, yes, no, gain } => {
                let question = stored(question);
                let place = *places.entry(question.clone()).or_insert_with(|| {
                    questions.push(question);
                    questions.len() - 1
                });
                StoredNode::Split { question: place, yes: *yes, no: *no, gain: *gain }
            }
        };
        let nodes = self.nodes.iter().map(node).collect();
        let leaf = |leaf: &Leaf| StoredLeaf { frames: leaf.frames, states_seen: leaf.states_seen };
        let stored = Stored {
            schema_version: SCHEMA_VERSION,
            phones: self.scheme.phones.clone(),
            context_independent: names(&mut self.scheme.context_independent.iter().copied()),
            boundary: names(&mut std::iter::once(self.scheme.boundary)).concat(),
            context: self.scheme.context,
            topology: self.scheme.topology,
            roots: self.roots.clone(),
            questions,
            nodes,
            senones: self.leaves.iter().map(leaf).collect(),
        };
        serde_json::to_string(&stored).map_err(damaged)
    }
}

fn restored(stored: Stored) -> Result<Tree, Error> {
    let Stored { phones, context, topology, roots, .. } = stored;
    let id = |name: &String| {
        let unknown = || Error::Damaged { reason: format!("phone `{name}` is not in its table") };
        phones.id(name).ok_or_else(unknown)
    };
    let ids = |names: &[String]| names.iter().map(id).collect::<Result<Vec<PhoneId>, Error>>();
    let known = u16::from(topology.states());
    let question = |stored: &StoredQuestion| match stored {
        StoredQuestion::Left(names) => Ok(Question::of_phones(Part::Left, ids(names)?)),
        StoredQuestion::Right(names) => Ok(Question::of_phones(Part::Right, ids(names)?)),
        // A set is as large as its largest number. A few bytes of a file must not become thousands.
        StoredQuestion::State(states) => match states.iter().find(|&&state| state >= known) {
            Some(state) => {
                let reason = format!("a question asks for state {state}, phones have {known}");
                Err(Error::Damaged { reason })
            }
            None => Ok(Question::new(Part::State, states.iter().copied().collect())),
        },
    };
    let questions = stored.questions.iter().map(question).collect::<Result<Vec<_>, Error>>()?;
    let node = |(place, node): (usize, &StoredNode)| match *node {
        StoredNode::Senone(number) => Ok(Node::Leaf(SenoneId::new(number))),
        StoredNode::Split { question, yes, no, gain } => {
            let unknown =
                || Error::Damaged { reason: format!("node {place}: question {question} is unknown") };
            let question = questions.get(question).ok_or_else(unknown)?.clone();
            Ok(Node::Split { question, yes, no, gain })
        }
    };
    let nodes = stored.nodes.iter().enumerate().map(node).collect::<Result<_, Error>>()?;
    let (context_independent, boundary) = (ids(&stored.context_independent)?, id(&stored.boundary)?);
    let leaf = |leaf: StoredLeaf| Leaf { frames: leaf.frames, states_seen: leaf.states_seen };
    let leaves = stored.senones.into_iter().map(leaf).collect();
    let scheme = Scheme { phones, context_independent, boundary, context, topology };
    Tree::new(scheme, roots, nodes, leaves)
}

fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

#[allow(clippy::needless_pass_by_value)] // `map_err` hands the error over.
fn damaged(error: serde_json::Error) -> Error {
    Error::Damaged { reason: error.to_string() }
}
