//! The answers to operators' commands that come later.

use crate::command::Reply;
use crate::marker::{Mark, Marker};
use std::collections::HashMap;
use stentor_proto::v1;
use stentor_rounds::Request;
use tokio::sync::mpsc;
use tonic::Status;

/// The commands whose answer comes later.
#[derive(Debug)]
pub(crate) struct Orders {
    last: Request,
    waiting: HashMap<Request, Reply>,
    marker: Marker,
}

impl Orders {
    pub(crate) fn new(marker: Marker) -> Self {
        Self { last: 0, waiting: HashMap::new(), marker }
    }

    /// A number for a request.
    pub(crate) fn number(&mut self) -> Request {
        self.last += 1;
        self.last
    }

    /// A request for a checkpoint is accepted.
    pub(crate) fn wait(&mut self, request: Request, reply: Reply) {
        // Those whose callers are gone need no place.
        self.waiting.retain(|_, reply| !reply.is_closed());
        self.waiting.insert(request, reply);
    }

    /// A request for a checkpoint is answered.
    pub(crate) fn answer(&mut self, request: Request, answer: Result<String, String>) {
        let Some(reply) = self.waiting.remove(&request) else { return };
        let answer = answer.map(|checkpoint| v1::CommandReply { checkpoint, ..Default::default() });
        // The caller may be gone.
        let _ = reply.send(answer.map_err(Status::aborted));
    }

    /// Records what outlives this process, and then answers.
    pub(crate) fn mark(&self, mark: Mark, answer: v1::CommandReply, reply: Reply) {
        self.marker.set(mark, answer, reply);
    }
}

pub(crate) fn ask_to_leave(attendant: &mpsc::Sender<v1::Notice>) {
    // The channel is full only if the member reads nothing; then its connection breaks.
    let _ = attendant.try_send(v1::Notice { reason: "an operator drains this worker".into(), drain: true });
}
