//! Words for what is tied.

use stentor_senones::{Context, Topology};

pub(crate) fn topology(topology: Topology) -> &'static str {
    match topology {
        Topology::Single => "one",
        Topology::FirstThenRest => "one for its first frame, one for all that follow",
        Topology::Thirds => "beginning, middle and end",
    }
}

/// `boundary`: the phone that stands where there is no neighbour.
pub(crate) fn neighbours(context: Context, boundary: &str) -> String {
    match context {
        Context::WithinWords => format!("within words; at their edges {boundary}"),
        Context::AcrossWords => format!("within and across words; beside pauses {boundary}"),
    }
}
