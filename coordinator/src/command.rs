use crate::access::Caller;
use stentor_proto::v1;
use stentor_rounds::{Arrival, BadRowGroup, Fence, Found, Inspection, Loss, Report, Session, Slot};
use stentor_signature::Digest;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

/// Messages from the service to the engine.
#[derive(Debug)]
pub(crate) enum Command {
    Join(Joining),
    Arrived(Contribution),
    Staged {
        session: Session,
        fence: Fence,
        identity: String,
        slot: Slot,
    },
    Report {
        session: Session,
        report: Report,
        peak_rss_mb: f64,
        traffic: v1::Traffic,
    },
    Attend {
        session: Session,
        identity: String,
        notices: mpsc::Sender<v1::Notice>,
        reply: oneshot::Sender<Result<(), Status>>,
    },
    Heard {
        session: Session,
        doing: String,
    },
    Lost(Vec<Loss>),
    Leave {
        session: Session,
        identity: String,
        reason: String,
        fatal: bool,
    },
    Inspected {
        inspection: Inspection,
        found: Found,
    },
    Reducer {
        index: usize,
        is_up: bool,
    },
    Status(oneshot::Sender<v1::StatusReply>),
    Order(Order),
    Logged {
        segments: u64,
    },
    Published {
        checkpoint: String,
        /// The digest of its manifest, in a run that signs.
        digest: Option<Digest>,
    },
    Replaced {
        by: u64,
    },
    PublishFailed {
        checkpoint: String,
        reason: String,
        object: Option<String>,
    },
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
    /// The sender's membership, as it says.
    pub(crate) session: Session,
    pub(crate) arrival: Arrival,
    /// The row groups that the sender could not use.
    pub(crate) bad: Vec<BadRowGroup>,
    pub(crate) header_bytes: u64,
    pub(crate) traffic: v1::Traffic,
    pub(crate) reply: oneshot::Sender<Result<v1::RoundReply, Status>>,
}

/// An operator's command, with its caller and the channel for its answer.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) command: stentor_rounds::Command,
    pub(crate) caller: Caller,
    pub(crate) reply: Reply,
}

/// The channel for the answer to an operator's command.
pub(crate) type Reply = oneshot::Sender<Result<v1::CommandReply, Status>>;
