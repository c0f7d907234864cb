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
    /// Longest wait for a member's contribution after the first one of a round has come, seconds. Default 60; above 0.
    pub round_deadline_s: f64,
    /// Longest wait for `workers` members at the start and, in `fixed`, for a lost one to come back, seconds.
    /// Default 300; above 0.
    pub join_deadline_s: f64,
    /// Restarts of each worker by `stentor train` after it died. Default 3.
    pub restarts: u32,
    /// Rounds between two comparisons of the replicas' parameters; their updates are compared every round. Default 16;
    /// 1 to 10000. A comparison reads the whole model once on each worker.
    pub digest_every: u32,
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
            join_deadline_s: 300.0,
            restarts: 3,
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
            seconds(self.join_deadline_s),
            "cluster.join_deadline_s",
            "above 0, at most a day",
            self.join_deadline_s,
        )
    }
}
