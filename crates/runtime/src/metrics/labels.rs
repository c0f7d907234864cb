use std::borrow::Cow;
use stentor_experiment::{Source, Strategy};

/// A label's value. Every distinct combination of labels is a series that Prometheus keeps, so values come from small
/// sets: enums, words in the code, identities of members.
pub trait Label {
    /// The text in `/metrics`.
    fn text(&self) -> Cow<'_, str>;
}

/// Part of a worker's round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Forward and backward.
    Compute,
    /// Contribution into bytes.
    Encode,
    /// Payloads to the reducers; whoever is early waits there for its predecessors.
    Send,
    /// Until the round closes.
    Wait,
    /// Sums from the reducers.
    Fetch,
    /// Update out of bytes and into the parameters.
    Apply,
}

/// Way of bytes, seen from the program that counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Received.
    In,
    /// Sent.
    Out,
}

/// What the coordinator thinks of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemberState {
    /// Asked to join, waits for a round's boundary.
    Joining,
    /// Its contribution to the open round is awaited.
    Computing,
    /// Its contribution to the open round is there.
    Contributed,
    /// Disconnected without leaving, and not back yet.
    Lost,
}

/// How a checkpoint ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckpointEnd {
    /// Its manifest is in the store.
    Published,
    /// Somebody's part did not come.
    Abandoned,
}

macro_rules! words {
    ($($type:ident { $($value:ident = $word:literal),+ })+) => {$(
        impl $type {
            /// All of them.
            pub const ALL: &[$type] = &[$($type::$value),+];

            /// Its word.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $($type::$value => $word),+ }
            }
        }

        impl Label for $type {
            fn text(&self) -> Cow<'_, str> {
                Cow::Borrowed(self.name())
            }
        }
    )+};
}

words! {
    Phase {
        Compute = "compute", Encode = "encode", Send = "send", Wait = "wait", Fetch = "fetch", Apply = "apply"
    }
    Direction { In = "in", Out = "out" }
    MemberState { Joining = "joining", Computing = "computing", Contributed = "contributed", Lost = "lost" }
    CheckpointEnd { Published = "published", Abandoned = "abandoned" }
}

impl Label for Source {
    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.name())
    }
}

impl Label for Strategy {
    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.name())
    }
}

impl Label for &str {
    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

impl Label for u32 {
    fn text(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }
}
