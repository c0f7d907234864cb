use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[cluster]`: who takes part and how long anybody is waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// Workers that the first round waits for. Default 2; 1 to 1024.
    pub workers: u32,
    /// What a death means. Default `elastic`.
    pub membership: Membership,
    /// Longest wait for a member's contribution after the first one of a round has come, and for a word of it at any time, seconds.
    /// What a member has to do at a boundary is not counted. Default 60; above 0.
    pub round_deadline_s: f64,
    /// How many median absolute deviations beyond the median of past lags a missing contribution is waited for in a usual round;
    /// `round_deadline_s` stays the longest wait, and the only one while little is known. Default 20; 0 to 1000, 0: always
    /// `round_deadline_s`.
    pub deadline_mads: f64,
    /// Shortest such wait, seconds: what a pause of a sound machine may take. Default 15; above 0.
    pub deadline_floor_s: f64,
    /// Longest wait for a sign of progress from a member that writes a checkpoint or scores dev data at a boundary, seconds. However
    /// long that takes, it is waited for while it gets on. Default 600; above 0.
    pub boundary_deadline_s: f64,
    /// Longest wait for `workers` members at the start and, in `fixed`, for a lost one to come back, seconds.
    /// Default 300; above 0.
    pub join_deadline_s: f64,
    /// Restarts of each worker by `stentor train` after it died, and how often the coordinator takes in again an identity that was
    /// lost; there a published checkpoint with its state in it clears the count. Default 3.
    pub restarts: u32,
    /// What a contribution means whose loss or gradient is not finite. Default `drop`. It is never part of a sum.
    pub poison: Poison,
    /// Rounds between two comparisons of the replicas' parameters; their updates are compared every round. Default 16;
    /// 1 to 10000. A comparison reads the whole model once on each worker.
    pub digest_every: u32,
}

/// What a contribution means whose loss or gradient is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Poison {
    /// Its sender is dropped and may come back as often as `restarts` says; its batches go to others. The run stops all the same
    /// where a batch is refused twice, or two workers are in one round: then data or model are the cause. The default: a machine
    /// that miscalculates ends no run of weeks.
    Drop,
    /// The run stops at the first one.
    Stop,
}

/// What a member's death means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Membership {
    /// Survivors pause until the same identity is back, then all go on from the newest checkpoint: same bits in the end.
    Fixed,
    /// The dead are dropped, the rest go on; each batch counts exactly once.
    Elastic,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            workers: 2,
            membership: Membership::Elastic,
            round_deadline_s: 60.0,
            deadline_mads: 20.0,
            deadline_floor_s: 15.0,
            boundary_deadline_s: 600.0,
            join_deadline_s: 300.0,
            restarts: 3,
            poison: Poison::Drop,
            digest_every: 16,
        }
    }
}

impl Cluster {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let seconds = |v: f64| v > 0.0 && v <= 86_400.0;
        require((1..=1024).contains(&self.workers), "cluster.workers", "1 to 1024", self.workers)?;
        require(
            (1..=10_000).contains(&self.digest_every),
            "cluster.digest_every",
            "1 to 10000 rounds",
            self.digest_every,
        )?;
        require(
            seconds(self.round_deadline_s),
            "cluster.round_deadline_s",
            "above 0, at most a day",
            self.round_deadline_s,
        )?;
        require(
            (0.0..=1000.0).contains(&self.deadline_mads),
            "cluster.deadline_mads",
            "0 to 1000",
            self.deadline_mads,
        )?;
        require(
            seconds(self.deadline_floor_s),
            "cluster.deadline_floor_s",
            "above 0, at most a day",
            self.deadline_floor_s,
        )?;
        require(
            seconds(self.boundary_deadline_s),
            "cluster.boundary_deadline_s",
            "above 0, at most a day",
            self.boundary_deadline_s,
        )?;
        require(
            seconds(self.join_deadline_s),
            "cluster.join_deadline_s",
            "above 0, at most a day",
            self.join_deadline_s,
        )
    }
}
