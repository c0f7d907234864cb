//! How contributions become one update.

mod bmuf;
mod dense;
mod encoding;
mod gtc;
mod suggested_tau;

pub use encoding::{Deltas, Encoding};
pub use suggested_tau::SuggestedTau;
