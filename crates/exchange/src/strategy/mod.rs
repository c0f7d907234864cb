//! The strategies of exchange, one file each: how contributions become one update.
//!
//! A strategy has three roles, all in its file:
//!
//! - [`Decision`], the coordinator's: how the next round is encoded, how many batches it has, how members are grouped,
//!   and when another strategy may begin.
//! - [`Member`], a worker's: what it learns by itself, what it contributes, and how it applies the sum. It accesses the
//!   worker's model and optimiser through [`Learner`], so that this crate does not depend on libtorch.
//! - its reduction, [`Encoding::summation`]: what kind of sum the reducers compute from its contributions.
//!
//! They describe a round by its [`Encoding`], which is also sent over the network and written to the event log.
//!
//! A new strategy is a new file and a line in the registry below.

mod bmuf;
mod coded;
mod decision;
mod dense;
mod encoding;
mod gtc;
mod learner;
mod member;
mod rate;
mod residual;
mod suggested_tau;
mod summation;
mod two_tier;

pub use coded::Coded;
pub use decision::{Decision, Memory, Standing};
pub use encoding::{Deltas, Encoding};
pub use learner::Learner;
pub use member::{Member, Shared, Update};
pub use rate::Rate;
pub use suggested_tau::SuggestedTau;

use stentor_experiment::{Experiment, Strategy};

macro_rules! registry {
    ($($strategy:ident: $decision:expr, $member:ty;)+) => {
        /// Returns the coordinator's side of a strategy.
        #[must_use]
        pub fn decision(strategy: Strategy) -> &'static dyn Decision {
            match strategy {
                $(Strategy::$strategy => &$decision,)+
            }
        }

        /// Returns a worker's side of a strategy in its initial state, with the learner's parameters.
        #[must_use]
        pub fn member<L: Learner>(
            strategy: Strategy,
            experiment: &Experiment,
            learner: &L,
        ) -> Box<dyn Member<L>> {
            match strategy {
                $(Strategy::$strategy => Box::new(<$member>::new(experiment, learner)),)+
            }
        }
    };
}

registry! {
    Dense: dense::Dense, dense::DenseMember;
    Gtc: gtc::Gtc, gtc::GtcMember;
    Bmuf: bmuf::Bmuf, bmuf::BmufMember;
    TwoTier: two_tier::TwoTier, two_tier::TwoTierMember;
}
