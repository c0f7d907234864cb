/// What a supervisor does when one of several programs of a job has ended. It keeps apart what concerns *this one* and what
/// concerns *all*: a worker with a stale certificate must not end a run that 63 others carry on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reaction {
    /// Nothing: its work is done.
    Complete,
    /// Start it again, however often it ends like this: it was not at fault.
    StartAgain,
    /// Start it again a few times, on another machine where there is a choice; after that, go on without it.
    TryElsewhere,
    /// Go on without it: it would end like this on every machine, and the others would not.
    LeaveOut,
    /// End all: every other one would end like this, too.
    EndAll,
}

impl Reaction {
    /// All of them.
    pub const ALL: [Reaction; 5] = [
        Reaction::Complete,
        Reaction::StartAgain,
        Reaction::TryElsewhere,
        Reaction::LeaveOut,
        Reaction::EndAll,
    ];

    /// Whom the end concerns, for people.
    #[must_use]
    pub fn scope(self) -> &'static str {
        match self {
            Reaction::Complete | Reaction::StartAgain | Reaction::TryElsewhere | Reaction::LeaveOut => {
                "this one"
            }
            Reaction::EndAll => "all",
        }
    }

    /// The action of a rule of Kubernetes' `podFailurePolicy`. `Count` is what no rule means, too: the failure counts towards
    /// `backoffLimitPerIndex`, after which the index has failed. `None`: a pod that has succeeded is in no rule.
    #[must_use]
    pub fn pod_failure_action(self) -> Option<&'static str> {
        match self {
            Reaction::Complete => None,
            Reaction::StartAgain => Some("Ignore"),
            Reaction::TryElsewhere => Some("Count"),
            Reaction::LeaveOut => Some("FailIndex"),
            Reaction::EndAll => Some("FailJob"),
        }
    }
}
