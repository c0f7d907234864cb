//! The parts of a world that stories may change.

use super::Process;
use super::network::Copy;
use super::store::Object;
use super::world::World;
use std::collections::BTreeSet;
use stentor_experiment::Source;
use stentor_plan::Lease;
use stentor_plan::audit::Extent;
use stentor_rounds::{Assignment, BadRowGroup, Core, Input, Session, Violation};

impl World {
    pub(crate) fn core(&self) -> &Core {
        &self.shells[&self.current].core
    }

    /// The round that a worker takes part in.
    pub(crate) fn assignment(&self, process: Process) -> Assignment {
        self.workers[&process].assignment.clone().expect("a member")
    }

    /// The row groups of the units that a worker has leases on.
    pub(crate) fn leased(&self, process: Process) -> BTreeSet<(Source, u64)> {
        let assignment = self.workers.get(&process).and_then(|worker| worker.assignment.as_ref());
        let leases = assignment.into_iter().flat_map(|assignment| &assignment.leases);
        let of =
            |lease: &Lease| self.settings.plan.unit(lease.source, lease.unit).map(|unit| unit.row_groups);
        leases
            .flat_map(|lease| of(lease).into_iter().flatten().map(|place| (lease.source, place as u64)))
            .collect()
    }

    /// The bytes of these row groups change.
    pub(crate) fn change_bytes(&mut self, row_groups: &[BadRowGroup]) {
        self.bad.extend(row_groups.iter().map(|bad| (bad.source, bad.place)));
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.step(self.current, input, Copy::Original);
    }

    pub(crate) fn identity_of(&self, process: Process) -> Option<String> {
        self.workers.get(&process).map(|w| w.identity.clone())
    }

    pub(crate) fn session_of(&self, process: Process) -> Option<Session> {
        self.workers.get(&process)?.session
    }

    pub(crate) fn replace_coordinator(&mut self) {
        self.shells.clear();
        self.start_coordinator();
        let processes: Vec<Process> = self.workers.keys().copied().collect();
        processes.into_iter().for_each(|process| self.end_session(process));
    }

    /// The process ends, and no broken connection shows it.
    pub(crate) fn forget(&mut self, process: Process) {
        self.workers.remove(&process);
    }

    /// A worker begins its next rounds with a wrong parameter.
    pub(crate) fn flip(&mut self, process: Process, rounds: u32, by: f32) {
        self.workers.get_mut(&process).expect("a worker").flips = (rounds, by);
    }

    pub(crate) fn busy(&self) -> Vec<Process> {
        let busy = self.workers.values().filter(|w| !w.is_done());
        busy.map(|w| w.process).collect()
    }

    pub(crate) fn violations(&self) -> &[Violation] {
        &self.oracle.violations
    }

    pub(crate) fn prove(&mut self, lineage: u64, extent: Extent<'_>) {
        self.oracle.audit(self.events.iter(), lineage, extent);
    }

    /// Bits of the parameters of a published checkpoint.
    pub(crate) fn model(&self, checkpoint: &str) -> Vec<u32> {
        match self.store.object(checkpoint, "model") {
            Some(Object::Model(values)) => values.iter().map(|v| v.to_bits()).collect(),
            other => panic!("expected a model in {checkpoint}, found {other:?}"),
        }
    }
}
