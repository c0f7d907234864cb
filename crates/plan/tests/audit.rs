//! The audit finds every kind of error that it checks for.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use stentor_experiment::{Batch, Schedule, Source};
use stentor_plan::audit::{Audit, Extent, Findings};
use stentor_plan::{Catalogue, Error, Lease, Plan, Position, RoundSize, RowGroup};

/// Three units of 4 batches, two passes, no machine-labeled data.
fn plan() -> Plan {
    let batch = Batch { chunk_frames: 10, chunks: 10, unit_batches: 4, ..Batch::default() };
    let schedule = Schedule { passes: 2, ..Schedule::default() };
    let units = Catalogue { row_groups: vec![RowGroup { frames: 390, utterances: 2 }; 3] };
    Plan::new(units, None, &batch, &schedule, 5).unwrap()
}

fn lease(pass: u32, unit: u64, first_batch: u32, batches: u32) -> Lease {
    Lease { source: Source::Annotated, pass, unit, first_batch, batches }
}

fn whole_run() -> Vec<Lease> {
    (0..2).flat_map(|pass| (0..3).map(move |unit| lease(pass, unit, 0, 4))).collect()
}

fn audit(leases: &[Lease], extent: Extent<'_>) -> Findings {
    let plan = plan();
    let mut audit = Audit::new(&plan);
    leases.iter().for_each(|lease| audit.record(lease));
    audit.findings(extent)
}

#[test]
fn every_batch_once_in_any_order_is_clean() {
    let mut leases: Vec<Lease> =
        whole_run().iter().flat_map(|l| (0..4).map(|b| Lease { first_batch: b, batches: 1, ..*l })).collect();
    leases.reverse();
    let findings = audit(&leases, Extent::WholeRun);
    assert!(findings.is_clean(), "{findings:?}");
    assert_eq!(findings.committed, [24, 0]);
}

#[test]
fn a_missing_batch_is_named() {
    let mut leases = whole_run();
    leases[4] = lease(1, 1, 0, 3);
    let findings = audit(&leases, Extent::WholeRun);
    assert_eq!((findings.missing.batches, &findings.missing.leases[..]), (1, &[lease(1, 1, 3, 1)][..]));
    assert!(!findings.is_clean());
}

#[test]
fn a_repeated_batch_is_named_whether_its_unit_was_complete_or_not() {
    let mut late = whole_run();
    late.push(lease(0, 2, 1, 2));
    let findings = audit(&late, Extent::WholeRun);
    assert_eq!((findings.repeated.batches, &findings.repeated.leases[..]), (2, &[lease(0, 2, 1, 2)][..]));
    assert!(!findings.is_clean());

    let early = [&[lease(0, 2, 1, 2)], &whole_run()[..]].concat();
    let findings = audit(&early, Extent::WholeRun);
    assert_eq!((findings.repeated.batches, &findings.repeated.leases[..]), (2, &[lease(0, 2, 1, 2)][..]));
    assert_eq!(findings.missing.batches, 0);
}

#[test]
fn the_same_batch_of_another_pass_is_no_repetition() {
    let findings = audit(&[lease(0, 0, 0, 4), lease(1, 0, 0, 4)], Extent::WholeRun);
    assert_eq!(findings.repeated.batches, 0);
}

#[test]
fn a_batch_that_the_plan_does_not_have_is_reported() {
    let mut leases = whole_run();
    leases.push(lease(0, 9, 0, 1));
    let findings = audit(&leases, Extent::WholeRun);
    assert_eq!(findings.unknown, [Error::NoSuchUnit { data: Source::Annotated, unit: 9, units: 3 }]);
    assert!(!findings.is_clean());
}

#[test]
fn commits_and_ledger_are_compared_with_each_other() {
    let plan = plan();
    let mut position = Position::new(&plan);
    let first = position.assign(&plan, &[0, 1], RoundSize::Block(3)).unwrap();
    position.commit(&plan, &first, &[0].into()).unwrap();
    let done = first.leases[&0][0];
    assert!(audit(&[done], Extent::UpTo(&position)).is_clean());

    // Committed in the ledger, but not in the log.
    assert_eq!(audit(&[], Extent::UpTo(&position)).missing.leases, [done]);
    // Committed in the log, but not in the ledger: in a unit that is open, and in one that is not taken yet.
    let lost = first.leases[&1][0];
    assert_eq!(audit(&[done, lost], Extent::UpTo(&position)).unexpected.leases, [lost]);
    let later = Lease { pass: 1, ..done };
    assert_eq!(audit(&[done, later], Extent::UpTo(&position)).unexpected.leases, [later]);
}

#[test]
fn long_lists_are_cut_but_counted() {
    let batch = Batch { unit_batches: 1, ..Batch::default() };
    let units = Catalogue { row_groups: vec![RowGroup { frames: 1600, utterances: 1 }; 5000] };
    let plan = Plan::new(units, None, &batch, &Schedule::default(), 5).unwrap();
    let findings = Audit::new(&plan).findings(Extent::WholeRun);
    assert_eq!(findings.missing.batches, 20_000);
    assert_eq!(findings.missing.leases.len(), 1000);
}
