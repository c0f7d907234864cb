//! Small plans, and runs with them.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses some of these helpers of tests")]

use stentor_experiment::{Batch, Schedule, Source};
use stentor_plan::audit::{Audit, Extent};
use stentor_plan::{Catalogue, Lease, Plan, Position, RoundPlan, RoundSize, RowGroup};

pub(crate) const A: Source = Source::Annotated;
pub(crate) const M: Source = Source::MachineLabeled;

/// Units of 4 batches of 100 frames each; `annotated` and `machine_labeled` count units.
pub(crate) fn plan(annotated: usize, machine_labeled: usize, schedule: &Schedule) -> Plan {
    let batch = Batch { chunk_frames: 10, chunks: 10, unit_batches: 4, ..Batch::default() };
    let units = |n| Catalogue { row_groups: vec![RowGroup { frames: 390, utterances: 2 }; n] };
    let machine_labeled = (machine_labeled > 0).then(|| units(machine_labeled));
    Plan::new(units(annotated), machine_labeled, &batch, schedule, 5).unwrap()
}

pub(crate) fn one_pass() -> Schedule {
    Schedule { passes: 1, annotated_passes: 1, ..Schedule::default() }
}

/// Runs to the end without losses and returns each round.
pub(crate) fn run(plan: &Plan, members: &[u32], size: RoundSize) -> Vec<RoundPlan> {
    let mut position = Position::new(plan);
    let everybody = members.iter().copied().collect();
    let mut rounds = Vec::new();
    let mut audit = Audit::new(plan);
    while let Some(round) = position.assign(plan, members, size) {
        let committed = position.commit(plan, &round, &everybody).unwrap();
        committed.leases.iter().for_each(|lease| audit.record(lease));
        rounds.push(round);
    }
    assert!(position.finished(plan));
    assert_eq!(position.committed_frames(), plan.total_frames());
    assert!(audit.findings(Extent::WholeRun).is_clean());
    rounds
}

/// The source of all batches in a round of one batch each.
pub(crate) fn source(round: &RoundPlan) -> Source {
    round.leases.values().flatten().next().unwrap().source
}

pub(crate) fn batches(leases: &[Lease]) -> u32 {
    leases.iter().map(|lease| lease.batches).sum()
}
