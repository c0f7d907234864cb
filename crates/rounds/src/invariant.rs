use std::fmt;

/// Properties that always hold. Each has an id, by which tests, log messages and metrics refer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// I1.
    OneDigestPerRound,
    /// I2.
    ForwardOnly,
    /// I3.
    ExactlyOnce,
    /// I4.
    Conservation,
    /// I5.
    BoundedWaits,
    /// I6.
    NewestLoads,
    /// I7.
    Finite,
    /// I8.
    Fenced,
    /// I9.
    BoundedMemory,
    /// I10.
    ModelIsNoLookAhead,
    /// I11.
    OneSum,
    /// I12.
    OwnMembership,
    /// I13.
    OrdersKept,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Invariant; 13] = [
        Invariant::OneDigestPerRound,
        Invariant::ForwardOnly,
        Invariant::ExactlyOnce,
        Invariant::Conservation,
        Invariant::BoundedWaits,
        Invariant::NewestLoads,
        Invariant::Finite,
        Invariant::Fenced,
        Invariant::BoundedMemory,
        Invariant::ModelIsNoLookAhead,
        Invariant::OneSum,
        Invariant::OwnMembership,
        Invariant::OrdersKept,
    ];

    /// Its short name, in messages, metrics and docs.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Invariant::OneDigestPerRound => "I1",
            Invariant::ForwardOnly => "I2",
            Invariant::ExactlyOnce => "I3",
            Invariant::Conservation => "I4",
            Invariant::BoundedWaits => "I5",
            Invariant::NewestLoads => "I6",
            Invariant::Finite => "I7",
            Invariant::Fenced => "I8",
            Invariant::BoundedMemory => "I9",
            Invariant::ModelIsNoLookAhead => "I10",
            Invariant::OneSum => "I11",
            Invariant::OwnMembership => "I12",
            Invariant::OrdersKept => "I13",
        }
    }

    /// The property in words.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Invariant::OneDigestPerRound => {
                "replicas that are one hold the same parameters after every round"
            }
            Invariant::ForwardOnly => {
                "rounds and membership epochs only rise within a lineage, and lineages only rise"
            }
            Invariant::ExactlyOnce => {
                "each batch of each pass is committed exactly once in the surviving lineage"
            }
            Invariant::Conservation => {
                "what went into a residual is what was sent and counted, and what is kept"
            }
            Invariant::BoundedWaits => "every wait ends by its deadline and names whom it waits for",
            Invariant::NewestLoads => {
                "the newest published checkpoint loads, with the state of every member that wrote it"
            }
            Invariant::Finite => "nothing that is not finite is in a closed round or a published checkpoint",
            Invariant::Fenced => "a stale sender changes nothing, and no program accepts a stale coordinator",
            Invariant::BoundedMemory => "what the coordinator keeps is bounded by members, not by time",
            Invariant::ModelIsNoLookAhead => {
                "the look-ahead point of block momentum is where workers start, never the model"
            }
            Invariant::OneSum => "a round's sum holds just what its members staged for its membership",
            Invariant::OwnMembership => {
                "what a member says and cannot be true changes nothing but its own membership"
            }
            Invariant::OrdersKept => "a switch or a pause that was accepted is carried out, or still due",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id(), self.sentence())
    }
}

/// An invariant that does not hold: a bug in Stentor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant.
    pub invariant: Invariant,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.found)
    }
}
