//! Ends of workers, of their connections, and of the coordinator.

use super::operators::command;
use super::{Work, Worker, World};
use stentor_rounds::{Command, Core, Input, Loss, Settings};

impl World {
    pub(in super::super) fn break_connection(&mut self, settings: &Settings, index: usize) {
        self.begin_anew(index);
        self.take_in(settings);
    }

    /// A worker dies, or its session ends: it joins again, and the coordinator sees the old connection end.
    pub(super) fn begin_anew(&mut self, index: usize) {
        if let Some(session) = self.workers[index].session.take() {
            let loss = Loss { session, reason: "its connection broke".into() };
            self.arriving.push_back(Input::Lost(vec![loss]));
        }
        self.forget(index);
    }

    /// Like [`begin_anew`](Self::begin_anew), but the coordinator does not notice.
    pub(in super::super) fn vanish(&mut self, index: usize) {
        self.workers[index].session = None;
        self.forget(index);
    }

    pub(super) fn forget(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        let work = if matches!(worker.work, Work::Gone) { Work::Gone } else { Work::Outside };
        *worker = Worker { life: worker.life + 1, session: None, work, parameters: 0, drained: false };
    }

    /// The coordinator dies with all connections; the next one continues from the newest checkpoint.
    pub(in super::super) fn restart_coordinator(&mut self, settings: &Settings) {
        self.incarnation += 1;
        let newest = self.published.iter().next_back().map(|(name, saved)| (name.clone(), saved.clone()));
        let settings = Settings { first_lineage: self.incarnation * 1000, ..settings.clone() };
        self.note_fall_back(
            settings.first_lineage,
            newest.as_ref().map_or(0, |(_, saved)| saved.round),
            newest.as_ref().map(|(name, _)| name.as_str()),
        );
        self.now = 0;
        self.core = Core::new(settings, newest, 0);
        if self.paused {
            self.core.step(0, command(Command::Pause));
        }
        self.unanswered.clear();
        self.waiting.clear();
        self.staged.clear();
        self.complete.clear();
        (0..self.workers.len()).for_each(|index| self.vanish(index));
        // They were in transit to a process that is gone.
        self.messages.clear();
    }
}
