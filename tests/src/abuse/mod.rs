//! What outsiders and faulty members may do to a running cluster of the real programs, which must go on with its valid members.
//! `cargo xtask abuse` runs all cases at their full size; the test run has the same cases at a small one.

mod connections;
mod liar;
mod members;
mod stand;

use serde::Serialize;
pub use stand::Stand;

/// How much of something a case does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Beyond the bounds of a listener, and quick.
    Small,
    /// What once took a cluster down.
    Full,
}

impl Size {
    /// One of two numbers.
    #[must_use]
    pub fn of(self, small: usize, full: usize) -> usize {
        match self {
            Size::Small => small,
            Size::Full => full,
        }
    }
}

/// Something that is done to a running cluster.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name in figures.
    pub name: &'static str,
    /// What is done. Panics if those who have a right to an answer do not get one meanwhile.
    act: fn(&mut Stand, Size),
}

/// All cases. To add one, write what it does to the cluster, and its line here.
pub const CASES: &[Case] = &[
    Case { name: "silent-connections", act: connections::silent_connections },
    Case { name: "handshakes-without-certificate", act: connections::handshakes_without_certificate },
    Case { name: "idle-connections-for-metrics", act: connections::idle_connections_for_metrics },
    Case { name: "numbers-that-cannot-be", act: members::numbers_that_cannot_be },
    Case { name: "contributions-of-others", act: members::contributions_of_others },
    Case { name: "values-far-beyond-those-of-others", act: members::values_far_beyond_those_of_others },
    Case {
        name: "payloads-for-rounds-that-do-not-exist",
        act: members::payloads_for_rounds_that_do_not_exist,
    },
    Case {
        name: "failures-and-reports-that-are-not-true",
        act: members::failures_and_reports_that_are_not_true,
    },
    Case { name: "versions-that-do-not-exist", act: members::versions_that_do_not_exist },
];

/// What a case has led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The case.
    pub name: &'static str,
    /// Whether the coordinator runs, and rounds close.
    pub run_survived: bool,
    /// How many valid members were lost meanwhile.
    pub valid_members_lost: usize,
    /// What the coordinator said of it.
    pub said: Vec<String>,
}

impl Case {
    /// Does it to a new cluster.
    ///
    /// # Panics
    /// If the cluster cannot be started, or somebody who has a right to an answer does not get one.
    #[must_use]
    pub fn run(&self, size: Size) -> Outcome {
        let mut stand = Stand::start();
        (self.act)(&mut stand, size);
        Outcome {
            name: self.name,
            run_survived: stand.goes_on(),
            valid_members_lost: stand.members_lost(),
            said: stand.refusals(),
        }
    }
}
