//! The decoder: from acoustic costs of frames to words.
//!
//! All costs are negative natural logarithms of probabilities, so they are added along a path and the lowest is the best.
//!
//! 1. [`AcousticScores`] turns a model's log posteriors into one cost for each output of each frame.
//! 2. A [`Network`] says which outputs may follow one another, what words they make and what that costs. There are two: a
//!    static [`Graph`], for example an HCLG in the text format of OpenFst, and a [`TreeNetwork`], a prefix tree of
//!    pronunciations with a language model ([`WordModel`]). [`Topology`] says which outputs the states of a phone have, also
//!    depending on the phones beside it, across words. [`Boosted`] adds personal phrases to any language model.
//! 3. [`Search`] passes tokens through the network frame by frame and keeps those within a beam.
//! 4. The result is a [`Lattice`], a graph of words with times and costs: best path, n-best, posteriors, confidences, and the
//!    fewest errors that any of its paths has.
//!
//! What was said may be known already: a [`TranscriptGraph`] has all ways to say a given sequence of words, and an [`Alignment`] is
//! the best of them, frame by frame.
//!
//! The crate is pure: no file, no network, no clock. The same input gives the same output to the bit.
//!
//! # References
//!
//! - H. Ney, S. Ortmanns: *Dynamic programming search for continuous speech recognition*. IEEE Signal Processing Magazine
//!   16(5), 1999. Token passing, the prefix tree, look-ahead of the language model.
//! - S. Ortmanns, H. Ney, X. Aubert: *A word graph algorithm for large vocabulary continuous speech recognition*. Computer
//!   Speech and Language 11(1), 1997. The word graphs that [`Lattice`] holds.
//! - M. Mohri, F. Pereira, M. Riley: *Speech recognition with weighted finite-state transducers*. Springer Handbook of Speech
//!   Processing, 2008. H, C, L and G, and their composition.
//! - D. Povey et al.: *Generating exact lattices in the WFST framework*. ICASSP 2012. A lattice of tokens and links, pruned by
//!   each link's distance from the best path.
//! - F. Wessel, R. Schlüter, K. Macherey, H. Ney: *Confidence measures for large vocabulary continuous speech recognition*. IEEE
//!   Transactions on Speech and Audio Processing 9(3), 2001. Posteriors of words, and their sum at a point in time.

mod boost;
mod error;
mod graph;
mod lattice;
mod lexicon;
mod network;
mod scores;
mod search;
mod transcript;
mod triphone;
mod word_model;

pub use boost::{Boosted, BoostedState, Phrase, Phrases};
pub use error::Error;
pub use graph::{Graph, GraphBuilder, SymbolTable};
pub use lattice::{Lattice, LatticeArc, LatticeNode, OracleErrors, Path, Posteriors, Rescoring, Word};
pub use lexicon::{
    Context, Hmm, Lexicon, Next, Pronunciation, Silence, Topology, Tree, TreeNetwork, TreeState, static_graph,
};
pub use network::{Arc, Labels, Network};
pub use scores::AcousticScores;
pub use search::{Memory, Options, Outcome, Search, Settled};
pub use transcript::{AlignedPhone, Aligner, Alignment, TranscriptGraph};
pub use triphone::Triphone;
pub use word_model::{UniformModel, WordModel};
