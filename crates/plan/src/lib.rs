//! The batch plan: which utterances form which batch, in which order batches come, and which member computes them.
//! Pure: no file, no clock, no thread; the same arguments give the same result on every machine.
//!
//! * A [`Catalogue`] lists the row groups of a source; [`Plan`] bundles them into work units of about
//!   `batch.unit_batches` batches each and gives every pass its own seeded order of units.
//! * [`unit_batches`] cuts the utterances of a unit into chunks and deals them over the unit's batches. The content of
//!   a batch depends only on (seed, source, pass, unit), so every program can compute every batch.
//! * [`Position`] is the ledger: it deals [`Lease`]s on batches to slots round by round ([`Position::assign`]) and
//!   counts contributions ([`Position::commit`]). Leases whose contribution was lost are returned and dealt again.
//! * [`audit`] proves from the list of commits that each batch of each pass counted exactly once.
//!
//! **Invariant:** after any sequence of rounds, with any members and any losses, each batch of each pass has exactly
//! one of three states: not yet dealt, open (held by a slot or returned), or committed. [`Position::check`] tests
//! this.
//!
//! **Invariant:** a [`Position`] has at most one open lease for each source and slot, plus the returned leases. Its
//! size does not grow with the data.

pub mod audit;
mod batches;
mod catalogue;
mod deal;
mod error;
mod interleave;
mod lease;
mod ledger;
mod permutation;
mod plan;
mod position;
mod random;

pub use batches::{Chunk, unit_batches};
pub use catalogue::{Catalogue, RowGroup};
pub use deal::RoundSize;
pub use error::Error;
pub use lease::Lease;
pub use plan::{Plan, UnitSpan};
pub use position::{Committed, Position, RoundPlan};
