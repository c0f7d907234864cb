//! The decisions, as pure functions of what was read: the set of each utterance, the order in which recordings are read
//! and rows are written, the states that become target classes, where a phone is repeated, and which words of a text
//! are spoken. This module has no I/O, processes, threads or clock.

pub(crate) mod deal;
pub(crate) mod headers;
pub(crate) mod identical;
pub(crate) mod left_out;
pub(crate) mod pdfs;
pub(crate) mod random;
pub(crate) mod repetitions;
pub(crate) mod set;
pub(crate) mod shuffle;
pub(crate) mod split;
pub(crate) mod spoken;
pub(crate) mod states;
pub(crate) mod work;
