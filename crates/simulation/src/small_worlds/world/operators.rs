//! Commands of an operator.

use super::super::model::Order;
use super::{NAMES, World};
use stentor_rounds::{Command, Input, Request, Settings};

impl World {
    /// Whether an operator may give a command. He drains and drops nobody whose place no other member could take.
    pub(in super::super) fn accepts(&self, order: Order) -> bool {
        let members = self.core.sessions().len();
        let takes_a_member = matches!(order, Order::Drain(_) | Order::Drop(_));
        self.core.check(&command(order.command(0))).is_ok() && (!takes_a_member || members == NAMES.len())
    }

    /// An operator gives a command.
    pub(in super::super) fn order(&mut self, settings: &Settings, order: Order) {
        (self.orders, self.waited) = (self.orders + 1, 0);
        let request = Request::from(self.orders);
        match order {
            Order::Checkpoint => drop(self.unanswered.insert(request)),
            Order::Pause => self.paused = true,
            Order::Drain(_) | Order::Drop(_) => {}
        }
        self.feed(settings, None, command(order.command(request)));
    }

    /// An operator ends a pause. In a pause time has passed, and nobody is missed.
    pub(in super::super) fn resume(&mut self, settings: &Settings) {
        if self.core.view(self.now).paused.is_some_and(|paused| paused.held) {
            let before = self.core.sessions();
            (0..2).for_each(|_| self.pass_deadline(settings));
            if self.core.sessions() != before {
                self.broken.push(format!("in a pause {before:?} became {:?}", self.core.sessions()));
            }
        }
        (self.paused, self.waited) = (false, 0);
        self.feed(settings, None, command(Command::Resume));
    }
}

pub(super) fn command(command: Command) -> Input {
    Input::Command { command, by: "an operator".to_owned() }
}
