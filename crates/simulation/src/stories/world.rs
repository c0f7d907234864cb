//! Worlds that stories move: only the events of the story happen.

use crate::{Pace, Process};
use std::collections::BTreeMap;
use stentor_plan::audit::Extent;
use stentor_rounds::{
    Arrival, Assignment, Command, Encoding, Event, Input, Outcome, Saved, Session, Settings, View,
};
use stentor_scores::frame_sums;

pub(super) use crate::World;

pub(super) fn settings(cluster: &str, sections: &str) -> Settings {
    crate::settings(cluster, sections).unwrap()
}

impl World {
    pub(super) fn new(settings: Settings, seed: u64) -> Self {
        Self::empty(settings, seed, Pace::ByHand)
    }

    pub(super) fn join(&mut self, identity: &str) -> Process {
        let process = self.start_worker(identity);
        self.act(process);
        process
    }

    /// The process dies: its connection breaks.
    pub(super) fn kill(&mut self, process: Process) -> Option<String> {
        let identity = self.identity_of(process)?;
        self.kill_process(process);
        self.run_messages();
        Some(identity)
    }

    /// The process stops, and no connection shows it.
    pub(super) fn freeze(&mut self, process: Process) {
        self.forget(process);
    }

    /// Processes that are not done, in the order in which they were started.
    pub(super) fn sessions(&self) -> Vec<Process> {
        self.busy()
    }

    /// The coordinator gets a heartbeat of a member.
    pub(super) fn hear_of(&mut self, process: Process) {
        self.hear_that(process, "waiting");
    }

    /// The coordinator gets a heartbeat with what a member is doing.
    pub(super) fn hear_that(&mut self, process: Process, doing: &str) {
        let session: Session = self.session_of(process).unwrap();
        self.feed(Input::Heard { session, doing: doing.to_owned() });
    }

    /// A new incarnation continues from the newest checkpoint, and all workers join it.
    pub(super) fn restart_coordinator(&mut self) {
        self.replace_coordinator();
        self.run_messages();
    }

    pub(super) fn wait(&mut self, milliseconds: u64) {
        self.now += milliseconds;
        self.feed(Input::Tick);
    }

    /// A worker carries out its next step, and all messages arrive. Returns false if it can only wait.
    pub(super) fn act(&mut self, process: Process) -> bool {
        let moved = self.turn(process);
        self.run_messages();
        moved
    }

    /// A worker computes its round and stages its payload.
    pub(super) fn contribute(&mut self, process: Process) {
        self.act(process);
        self.act(process);
    }

    /// All workers take turns until the run is over or all of them wait.
    pub(super) fn settle(&mut self) {
        while self.outcome.is_none() {
            let busy = self.sessions();
            let moved = busy.into_iter().filter(|process| self.act(*process)).count() > 0;
            if !moved {
                break;
            }
        }
    }

    /// An operator gives a command, which may be refused.
    pub(super) fn give(&mut self, command: Command) {
        self.command(command);
        self.run_messages();
    }

    pub(super) fn feed(&mut self, input: Input) {
        self.input(input);
        self.run_messages();
    }

    fn run_messages(&mut self) {
        while self.advance() {}
    }

    pub(super) fn view(&self) -> View {
        self.core().view(self.now)
    }

    pub(super) fn newest(&self) -> Option<(String, Saved)> {
        self.core().newest().cloned()
    }

    /// Checks that each batch of each pass was committed exactly once, and that no other invariant was broken.
    pub(super) fn audit(&mut self) {
        let lineage = self.view().fence.lineage;
        self.prove(lineage, Extent::WholeRun);
        assert!(self.violations().is_empty(), "{:?}", self.violations());
    }

    /// The last parameters, which are the same on all present replicas.
    pub(super) fn parameters(&self) -> Vec<u32> {
        self.model(self.published.last().expect("a final checkpoint"))
    }
}

pub(crate) fn arrival(identity: &str, parameters: u64, assignment: &Assignment) -> Arrival {
    let batches: u32 = assignment.leases.iter().map(|l| l.batches).sum();
    Arrival {
        fence: assignment.fence,
        identity: identity.into(),
        slot: assignment.slot,
        frames: u64::from(batches) * 10,
        sums: frame_sums(u64::from(batches) * 10, f64::from(batches), 0),
        by_source: BTreeMap::new(),
        gradient_norm: 1.0,
        suggested_tau: 4.0,
        values_sent: 1,
        residual_norm: 0.0,
        payload_bytes: 1,
        parameters_digest: assignment.digest.then_some(parameters),
        update_digest: None,
        compute_s: 0.0,
        leaving: false,
    }
}

pub(super) fn finished(world: &World) -> bool {
    matches!(world.outcome, Some(Outcome::Finished { .. }))
}

/// Encoding and frames of every closed round.
pub(super) fn rounds(world: &World) -> Vec<(Encoding, u64)> {
    let rounds = world.events.iter().filter_map(|event| match event {
        Event::Round { encoding, frames, .. } => Some((*encoding, *frames)),
        _ => None,
    });
    rounds.collect()
}
