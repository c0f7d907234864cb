//! What commands of `stentor` print with `--json`, as types: [`Status`] of `stentor status`, [`Verdict`] of `stentor ledger audit`,
//! [`Figures`] of `stentor forecast`.
//!
//! `stentor` writes these types and `lab` reads them, so that a key that is renamed is an error of the compiler. Figures of a
//! finished run are `stentor_runlog::Summary`.
//!
//! **Invariant:** keys are part of the command line. A key is added, never renamed or removed, in a release.

mod audit;
mod forecast;
mod status;

pub use audit::{Listed, OfSource, Quarantined, State, Verdict, Void};
pub use forecast::Figures;
pub use status::{Member, Pause, Status};
