use crate::error::{Error, require};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[cluster]`: number of workers, membership, and deadlines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// Number of workers with which the first round starts. Default 2; 1 to 1024.
    pub workers: u32,
    /// What happens when a worker dies. Default `elastic`.
    pub membership: Membership,
    /// Longest wait for a member's contribution after the first one of a round has arrived, and for any message from a
    /// member, seconds. A member's work at a boundary is excluded. Default 60; above 0.
    pub round_deadline_s: f64,
    /// The wait for a missing contribution ends this many median absolute deviations above the median of past lags;
    /// `round_deadline_s` remains the longest wait, and the only one until enough lags are known. Default 20; 0 to
    /// 1000, 0: always `round_deadline_s`.
    pub deadline_mads: f64,
    /// Shortest such wait, seconds: as long as a healthy machine may pause. Default 15; above 0.
    pub deadline_floor_s: f64,
    /// Longest wait for a sign of progress from a member that writes a checkpoint or scores dev data at a boundary,
    /// seconds. While it makes progress, the wait is unlimited. Default 600; above 0.
    pub boundary_deadline_s: f64,
    /// Longest wait for `workers` members at the start and, in `fixed`, for the return of a lost one, seconds. Default
    /// 300; above 0.
    pub join_deadline_s: f64,
    /// How often `stentor train` restarts a worker that died, and how often the coordinator readmits an identity that
    /// was lost; a published checkpoint with this worker's state resets the coordinator's count. Default 3.
    pub restarts: u32,
    /// What happens when a contribution has a loss or gradient that is not finite. Default `drop`. Such a contribution
    /// is never part of a sum.
    pub poison: Poison,
    /// Number of rounds between two comparisons of the replicas' parameters; their updates are compared every round.
    /// Default 16; 1 to 10000. For a comparison each worker reads the whole model once.
    pub digest_every: u32,
}

/// What happens when a contribution has a loss or gradient that is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Poison {
    /// The sender is dropped and may rejoin as often as `restarts` allows; its batches go to others. The run stops if
    /// three workers are refused with one batch or in one round, or all of fewer: then the data or the model are the
    /// cause. The default: one machine that miscalculates must not end a run of weeks.
    Drop,
    /// The run stops at the first such contribution.
    Stop,
}

/// What happens when a member dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Membership {
    /// The others pause until the same identity is back, then all continue from the newest checkpoint: same bits at the
    /// end.
    Fixed,
    /// Dead members are dropped and the others continue; each batch counts exactly once.
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
