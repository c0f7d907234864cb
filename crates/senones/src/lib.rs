//! Senones with context: states of triphones, tied by a decision tree (Young, Odell & Woodland 1994, "Tree-based state tying
//! for high accuracy acoustic modelling").
//!
//! [`Statistics`] collects, for each state of each triphone that aligned speech has, the [`Gaussian`] of its frames.
//! [`Questions`] are sets of phones, made from these statistics. [`Growth`] splits the states of a phone by questions about
//! the neighbours, the largest gain in log likelihood first, and the [`Tree`] maps any state of any triphone, seen or not, to
//! a senone. [`Tree::inventory`] lists the senones as the outputs of a model; [`Tree::encode`] and [`Tree::decode`] keep the
//! tree as a file, and [`Tree::of`] reads the one that an inventory names.
//!
//! [`Scheme`] says which phones there are, which states they go through ([`Topology`]), and what counts as a neighbour
//! ([`Context`]). [`spans`] makes the phones of an utterance from an alignment of its frames.
//!
//! Nothing here depends on the order in which statistics are added, beyond the rounding of their sums: ties are broken by
//! ids.

mod bits;
mod divisions;
mod drawn;
mod error;
mod gaussian;
mod growth;
mod merging;
mod question;
mod questions;
mod said;
mod scheme;
mod seal;
mod split;
mod statistics;
mod text;
mod topology;
mod tree;
mod triphone;

pub use divisions::divisions;
pub use drawn::{drawn_statistics, judge_file};
pub use error::Error;
pub use gaussian::Gaussian;
pub use growth::{Grown, Growth, Roots};
pub use question::{Part, Question};
pub use questions::{Questions, clusters};
pub use said::{Said, Sounding, spans, words};
pub use scheme::{Context, Scheme};
pub use seal::SCHEMA_VERSION;
pub use statistics::Statistics;
pub use topology::Topology;
pub use tree::{Leaf, Node, Tree};
pub use triphone::{Span, Triphone, TriphoneState};
