//! How a run ends.

/// How a run ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All data were used, or there is no more improvement.
    Finished {
        /// The checkpoint to deploy.
        checkpoint: String,
    },
    /// Too few members came or stayed.
    LostQuorum {
        /// The members that were missing, and how long the run waited.
        reason: String,
    },
    /// More of the data is unusable than `data.max_bad_fraction` allows, or a member found data that no member could use.
    BadData {
        /// Which, how much, and what is wrong with it.
        reason: String,
    },
    /// Another coordinator has taken over.
    Replaced {
        /// Its incarnation.
        by: u64,
    },
    /// A signal has stopped the coordinator; the run can be continued.
    Interrupted,
    /// Replicas that must hold the same parameters do not.
    Disagreement {
        /// What differs, and between which members.
        reason: String,
    },
    /// A loss or gradient is not finite, and every other member would get the same result.
    NonFinite {
        /// The member and the batches.
        reason: String,
    },
    /// The ledger contradicts itself: a bug in Stentor.
    Broken {
        /// The contradiction.
        reason: String,
    },
}

impl Outcome {
    /// For people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Outcome::Finished { checkpoint } => {
                format!("The run is finished; it deploys checkpoint {checkpoint}.")
            }
            Outcome::LostQuorum { reason } => format!("The run ended for lack of workers: {reason}."),
            Outcome::Interrupted => "The coordinator was asked to stop; the run can be continued.".to_owned(),
            Outcome::Replaced { by } => format!("Another coordinator, incarnation {by}, has taken over."),
            Outcome::BadData { reason }
            | Outcome::Disagreement { reason }
            | Outcome::NonFinite { reason }
            | Outcome::Broken { reason } => {
                format!("The run has stopped: {reason}")
            }
        }
    }
}
