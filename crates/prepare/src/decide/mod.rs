//! The decisions, as functions of what was read: which utterance goes into which set, in which order recordings are read and rows
//! are written, which states become target classes, where a phone is repeated, and which words of a text are spoken. Nothing here
//! reads or writes a file, starts a process or thread, or asks for the time.

pub(crate) mod deal;
pub(crate) mod headers;
pub(crate) mod identical;
pub(crate) mod left_out;
pub(crate) mod random;
pub(crate) mod repetitions;
pub(crate) mod set;
pub(crate) mod shuffle;
pub(crate) mod split;
pub(crate) mod spoken;
pub(crate) mod states;
pub(crate) mod work;
