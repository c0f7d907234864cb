//! Model checking: two workers with the real state machine, in every order of their messages, with a fault at every place where
//! one can occur. The simulation's runs are long and random; these are short and exhaustive.

mod model;
mod world;

use crate::Bug;
use model::{Exhaust, Faults, PROMISES};
use stateright::{Checker, HasDiscoveries, Model};

/// The world of two workers, with or without an injected bug.
fn two_workers(membership: &str, rounds: u32, faults: Faults, bug: Option<Bug>) -> Exhaust {
    let cluster = format!("workers = 2\nmembership = \"{membership}\"");
    Exhaust::new(&cluster, rounds, faults, bug)
}

/// Visits all reachable states; returns their number and the depth.
fn exhaust(membership: &str, rounds: u32, most: u32, orders: u32) -> (usize, usize) {
    let faults = Faults { most, orders };
    let checker = two_workers(membership, rounds, faults, None).checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    println!(
        "{membership}, {rounds} rounds, {most} faults, {orders} commands: {states} states, {depth} deep"
    );
    (states, depth)
}

#[test]
fn two_workers_end_well_through_every_order_of_two_rounds_with_a_fault_anywhere() {
    for membership in ["elastic", "fixed"] {
        let (states, depth) = exhaust(membership, 2, 1, 0);
        assert!(states > 20_000 && depth > 40, "{membership}: only {states} states, {depth} deep");
    }
}

#[test]
fn two_workers_end_well_whatever_an_operator_wants_at_any_time() {
    for membership in ["elastic", "fixed"] {
        let (states, depth) = exhaust(membership, 2, 0, 2);
        assert!(states > 1_000 && depth > 20, "{membership}: only {states} states, {depth} deep");
    }
}

#[test]
#[ignore = "minutes; docs/reliability.md has the command"]
fn two_workers_end_well_whatever_an_operator_wants_at_any_time_with_a_fault_anywhere() {
    for membership in ["elastic", "fixed"] {
        let (states, depth) = exhaust(membership, 2, 1, 1);
        assert!(states > 1_000 && depth > 20, "{membership}: only {states} states, {depth} deep");
    }
}

#[test]
#[ignore = "a minute or two; docs/reliability.md has the command"]
fn two_workers_end_well_through_every_order_of_a_round_with_two_faults_anywhere() {
    for membership in ["elastic", "fixed"] {
        let (states, depth) = exhaust(membership, 1, 2, 0);
        assert!(states > 400_000 && depth > 35, "{membership}: only {states} states, {depth} deep");
    }
}

#[test]
fn injected_bugs_of_the_state_machine_are_found_in_small_worlds_too() {
    for (bug, membership) in [
        (Bug::StaleEpochAccepted, "elastic"),
        (Bug::LostLease, "elastic"),
        (Bug::FallBackKeepsVoid, "fixed"),
        (Bug::DeadlineIgnored, "fixed"),
    ] {
        let world = two_workers(membership, 2, Faults { most: 1, orders: 0 }, Some(bug));
        let checker = world.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
        let found = PROMISES.iter().any(|promise| checker.discovery(promise).is_some());
        assert!(found, "{bug} was not found among {} states", checker.unique_state_count());
    }
}
