//! NIST's transcript files, TRN, CTM and STM, and Kaldi's tables: read line by line, written as `sclite` reads them.
//!
//! In TRN, CTM and STM files lines that begin with `;;` are comments. Alternatives (`{ a / b }`, `<ALT>`) are refused, because
//! which of them was said would have to be chosen: resolve them before scoring.

mod ctm;
mod lines;
mod stm;
mod table;
mod time;
mod trn;

pub use ctm::{CtmWord, read_ctm, write_ctm};
pub use lines::MAX_LINE;
pub use stm::{StmSegment, read_stm, write_stm};
pub use table::{read_names, read_text};
pub use time::Micros;
pub use trn::{read_trn, write_trn};
