//! The batch plan: which utterances make which batch, in which order batches come, and who computes them. Pure: no
//! file, no clock, no thread; every function of the same arguments gives the same answer on every machine.
//!
//! * A [`Catalogue`] lists the row groups of a source; [`Plan`] bundles them into work units of about
//!   `batch.unit_batches` batches each and gives every pass its own seeded order of units.
//! * [`unit_batches`] cuts the utterances of a unit into chunks and deals them over the unit's batches. What is in a
//!   batch depends on (seed, source, pass, unit) and on nothing else, so anybody can compute any batch.
//! * [`Position`] is the ledger: it deals [`Lease`]s on batches to slots round by round ([`Position::assign`]) and
//!   counts what was contributed ([`Position::commit`]). Leases whose contribution was lost return and are dealt again.
//! * [`audit`] proves from the list of commits that each batch of each pass counted exactly once.
//!
//! **Invariant:** after any sequence of rounds, with any members and any losses, each batch of each pass is in exactly
//! one of three places: not yet dealt, open (held by a slot or returned), or committed. [`Position::check`] tests it.
//!
//! **Invariant:** a [`Position`] holds one open lease for each source and slot at most, besides the leases that
//! returned. Its size does not grow with the data.

pub mod audit;
mod batches;
mod catalogue;
mod deal;
mod error;
mod interleave;
mod lease;
mod permutation;
mod plan;
mod position;
mod random;

pub use batches::{Chunk, unit_batches};
pub use catalogue::{Catalogue, RowGroup};
pub use error::Error;
pub use lease::Lease;
pub use plan::{Plan, UnitSpan};
pub use position::{Committed, Position, RoundPlan, RoundSize};
