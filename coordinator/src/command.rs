use crate::access::Caller;
use crate::state_machine::{Arrival, BadRowGroup, Fence, Report, Session, Slot};
use stentor_experiment::Strategy;
use stentor_proto::v1;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

/// Messages from the service to the engine.
#[derive(Debug)]
pub(crate) enum Command {
    Join(Joining),
    Bad { identity: String, row_groups: Vec<BadRowGroup> },
    Arrived(Contribution),
    Staged { fence: Fence, identity: String, slot: Slot },
    Report { report: Report, peak_rss_mb: f64, traffic: v1::Traffic },
    Attend { session: Session, notices: mpsc::Sender<v1::Notice> },
    Heard { session: Session, doing: String },
    Lost { session: Session, reason: String },
    Leave { identity: String, reason: String, fatal: bool },
    Status(oneshot::Sender<v1::StatusReply>),
    Switch { strategy: Strategy, caller: Caller, reply: oneshot::Sender<Strategy> },
    Logged { segments: u64 },
    Published { checkpoint: String },
    Replaced { by: u64 },
    PublishFailed { checkpoint: String, reason: String },
}

/// A request to join, with the channel for its answer.
#[derive(Debug)]
pub(crate) struct Joining {
    pub(crate) session: Session,
    pub(crate) request: v1::JoinRequest,
    pub(crate) reply: oneshot::Sender<Result<v1::JoinReply, Status>>,
}

/// A contribution, with the channel for the answer at the end of its round.
#[derive(Debug)]
pub(crate) struct Contribution {
    pub(crate) arrival: Arrival,
    pub(crate) header_bytes: u64,
    pub(crate) traffic: v1::Traffic,
    pub(crate) reply: oneshot::Sender<Result<v1::RoundReply, Status>>,
}
