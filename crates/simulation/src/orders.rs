use super::network::{Copy, Happening};
use super::shell::Shell;
use super::world::World;
use stentor_rounds::{Command, Input};

/// Who gives commands.
pub(super) const OPERATOR: &str = "an operator";

impl World {
    /// An operator will give commands from time to time.
    pub(super) fn plan_order(&mut self) {
        let delay = self.orders.between(1_000, 15_000);
        self.network.at(self.now + delay, Happening::Order);
    }

    /// An operator gives a random command. An elastic run refuses whom he drops, so he drops few.
    pub(super) fn order(&mut self) {
        if self.faults_are_over() {
            return;
        }
        self.plan_order();
        let there = self.identities();
        let identity = self.orders.pick(&there).cloned();
        match (self.orders.below(6), identity) {
            (0 | 1, _) => {
                self.count("checkpoint asked for");
                self.requests += 1;
                self.command(Command::Checkpoint { request: self.requests });
            }
            (2, _) => {
                self.count("pause");
                self.command(Command::Pause);
                let lasts = self.orders.between(200, 12_000);
                self.network.at(self.now + lasts, Happening::Resume);
            }
            (3, Some(identity)) if self.is_fixed() || (self.dropped.len() < 2 && there.len() > 1) => {
                self.count("drop");
                self.dropped.insert(identity.clone());
                self.command(Command::Drop { identity });
            }
            (4 | 5, Some(identity)) if !self.is_fixed() => {
                self.count("drain");
                self.command(Command::Drain { identity });
            }
            _ => {}
        }
    }

    /// The current coordinator gets a command, and records a switch, a pause and its end before it answers.
    pub(crate) fn command(&mut self, command: Command) {
        let paused = match command {
            Command::Pause => Some(Some(OPERATOR.to_owned())),
            Command::Resume => Some(None),
            _ => None,
        };
        let strategy = match command {
            Command::Switch { strategy } => Some(strategy),
            _ => None,
        };
        let input = Input::Command { command, by: OPERATOR.to_owned() };
        let accepts = |shell: &Shell| {
            shell.outcome.is_none() && shell.frozen_until <= self.now && shell.core.check(&input).is_ok()
        };
        if !self.shells.get(&self.current).is_some_and(accepts) {
            return;
        }
        if let Some(paused) = paused {
            self.paused = paused;
        }
        self.wanted = strategy.or(self.wanted);
        self.step(self.current, input, Copy::Original);
    }

    /// An operator ends a pause. Where no coordinator answers, he tries again.
    pub(super) fn resume(&mut self) {
        self.command(Command::Resume);
        if self.paused.is_some() {
            self.network.at(self.now + 1_000, Happening::Resume);
        }
    }
}
