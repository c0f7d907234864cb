use std::borrow::Cow;
use stentor_experiment::{Source, Strategy};

/// The value of a label. Prometheus keeps a series for every combination of label values, so these come from small
/// sets: enums, words in the code, identities of members.
pub trait Label {
    /// The text in `/metrics`.
    fn text(&self) -> Cow<'_, str>;
}

/// A phase of a worker's round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Forward and backward pass.
    Compute,
    /// Encoding of the contribution.
    Encode,
    /// Sending payloads to the reducers; includes the wait for previous slots.
    Send,
    /// Waiting until the round closes.
    Wait,
    /// Fetching sums from the reducers.
    Fetch,
    /// Decoding the update and applying it to the parameters.
    Apply,
}

/// Direction of a transfer, as seen by the program that counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Received.
    In,
    /// Sent.
    Out,
}

/// State of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemberState {
    /// Has asked to join and waits for a round's boundary.
    Joining,
    /// Its contribution to the open round has not arrived.
    Computing,
    /// Its contribution to the open round has arrived.
    Contributed,
    /// Disconnected without leaving, and has not joined again.
    Lost,
}

/// How a checkpoint ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckpointEnd {
    /// Its manifest is in the store.
    Published,
    /// The part of a member did not arrive.
    Abandoned,
}

macro_rules! words {
    ($($type:ident { $($value:ident = $word:literal),+ })+) => {$(
        impl $type {
            /// All values.
            pub const ALL: &[$type] = &[$($type::$value),+];

            /// The label's text.
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
