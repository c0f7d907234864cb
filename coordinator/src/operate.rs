//! Carries out operators' commands.

use crate::command::Order;
use crate::engine::Engine;
use crate::marker::Mark;
use crate::orders::ask_to_leave;
use crate::{pause, switch};
use stentor_proto::v1;
use stentor_rounds::{Command, Input, Rejected, Session};
use tonic::Status;

impl Engine {
    /// Takes a command; returns the input for the state machine. A command that it would refuse is neither carried out nor recorded.
    pub(crate) fn order(&mut self, order: Order) -> Vec<Input> {
        let Order { mut command, caller, reply } = order;
        if let Command::Checkpoint { request } = &mut command {
            *request = self.orders.number();
        }
        let input = Input::Command { command: command.clone(), by: caller.name().to_owned() };
        if let Err(Rejected { reason, .. }) = self.core.check(&input) {
            let _ = reply.send(Err(Status::failed_precondition(reason)));
            return Vec::new();
        }
        self.record(&caller.commanded(words(&command)));
        let done = v1::CommandReply::default();
        match command {
            Command::Switch { strategy } => {
                let from = v1::Strategy::from(self.core.view(self.now()).strategy).into();
                let record = switch::Record::of(&caller, strategy, self.experiment.exchange.strategy);
                self.orders.mark(Mark::Switched(record), v1::CommandReply { from, ..done }, reply);
            }
            Command::Checkpoint { request } => {
                self.orders.wait(request, reply);
            }
            Command::Pause => self.orders.mark(Mark::Paused(pause::Record::of(&caller)), done, reply),
            Command::Resume => self.orders.mark(Mark::Resumed, done, reply),
            Command::Drop { .. } | Command::Drain { .. } => {
                let _ = reply.send(Ok(done));
            }
        }
        vec![input]
    }

    /// Asks a member to hand over its residual and to leave. A member that sends no heartbeats yet is asked when it begins to.
    pub(crate) fn drain(&self, session: Session) {
        if let Some(attendant) = self.attendants.get(&session) {
            ask_to_leave(attendant);
        }
    }
}

/// A command in words, for the event log.
fn words(command: &Command) -> String {
    match command {
        Command::Switch { strategy } => format!("switch to {}", strategy.name()),
        Command::Checkpoint { .. } => "checkpoint".to_owned(),
        Command::Pause => "pause".to_owned(),
        Command::Resume => "resume".to_owned(),
        Command::Drop { identity } => format!("drop {identity}"),
        Command::Drain { identity } => format!("drain {identity}"),
    }
}
