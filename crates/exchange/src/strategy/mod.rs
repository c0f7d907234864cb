//! The strategies of exchange, a file each: how contributions become one update.
//!
//! A strategy's [`Decision`] is the coordinator's side: how the next round is coded, how many batches it has, how members are
//! grouped, and when another strategy may begin. Its reduction, [`Encoding::summation`], is what kind of sum the reducers make
//! of its contributions. They speak of a round in terms of its [`Encoding`], which is also what goes over the wire and into the
//! event log.

mod bmuf;
mod decision;
mod dense;
mod encoding;
mod gtc;
mod suggested_tau;
mod two_tier;

pub use decision::{Decision, Memory, Standing};
pub use encoding::{Deltas, Encoding};
pub use suggested_tau::SuggestedTau;

use stentor_experiment::Strategy;

/// The coordinator's side of a strategy.
#[must_use]
pub fn decision(strategy: Strategy) -> &'static dyn Decision {
    match strategy {
        Strategy::Dense => &dense::Dense,
        Strategy::Gtc => &gtc::Gtc,
        Strategy::Bmuf => &bmuf::Bmuf,
        Strategy::TwoTier => &two_tier::TwoTier,
    }
}
