//! Network simulation: the real coordinator and the real workers on a simulated network with cut and stalled links and
//! lost hosts. Time is simulated too: a minute of a run takes a second. Faults and delays come from seeds. Which of
//! several ready steps a program takes first does not, so a seed does not always give the same run.
//!
//! The store is a folder that all programs reach at all times, and connections are without TLS.

// A test may fail by panicking.
#![allow(clippy::unwrap_used)]

mod random_faults;
mod wire;
mod world;

use random_faults::random_faults;
use std::time::Duration;
use stentor_tests::corpus;
use world::{COORDINATOR, Corpus, WORKERS, World};

/// How a run is set up.
#[derive(Clone, Copy)]
struct Setup {
    strategy: &'static str,
    membership: &'static str,
    seed: u64,
}

impl Setup {
    /// Starts a run in which a round waits 3 to 6 seconds for a contribution.
    fn start<'a>(&self, corpus: &'a Corpus) -> World<'a> {
        let Self { strategy, membership, seed } = self;
        let sections = format!(
            "[schedule]\npasses = 2\nlearning_rate = 0.01\n[exchange]\nstrategy = \"{strategy}\"\n\
             [exchange.gtc]\nwarmup_dense = 0.0\nwarmup_falling = 0.0\ndensity = 0.2\n\
             [cluster]\nworkers = 3\nmembership = \"{membership}\"\nrestarts = 1000\n\
             deadline_floor_s = 3.0\nround_deadline_s = 6.0\n"
        );
        World::new(corpus, &format!("{strategy}-{membership}-{seed}"), &sections, *seed)
    }

    /// The parameters of a run without faults.
    fn undisturbed(self, corpus: &Corpus) -> Vec<u8> {
        Self { seed: 0, ..self }.start(corpus).finish().deployed
    }

    /// A moment within a round.
    fn moment(&self) -> Duration {
        Duration::from_millis(170 * self.seed % 1_000)
    }
}

fn each_strategy(membership: &'static str) -> [Setup; 2] {
    [("dense", 1), ("gtc", 2)].map(|(strategy, seed)| Setup { strategy, membership, seed })
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_worker_that_is_cut_off_is_left_behind_and_takes_part_again() {
    let corpus = corpus();
    for setup in each_strategy("elastic") {
        let mut world = setup.start(&corpus);
        world.until("some rounds", |world| world.rounds >= 5);
        world.pass(setup.moment());
        world.sim.partition("worker-1", COORDINATOR);
        let before = world.rounds;
        world.pass(seconds(20));
        assert!(world.rounds > before + 5, "{}: {} rounds of the others", world.name, world.rounds - before);
        world.sim.repair("worker-1", COORDINATOR);
        let ended = world.finish();
        let losses = ended.losses();
        assert!(matches!(losses[..], [loss] if loss.starts_with("worker-1 ")), "{}: {losses:?}", ended.name);
        let rounds = ended.contributors();
        let without = rounds.iter().position(|slots| *slots == [0, 2]).unwrap();
        assert!(rounds[without..].iter().any(|slots| *slots == [0, 1, 2]), "{}: {rounds:?}", ended.name);
    }
}

#[test]
fn in_a_fixed_run_everybody_waits_for_who_is_cut_off_and_the_end_has_the_same_bits() {
    let corpus = corpus();
    for setup in each_strategy("fixed") {
        let mut world = setup.start(&corpus);
        world.until("a checkpoint", |world| world.checkpoints() >= 1);
        world.pass(setup.moment());
        world.sim.partition("worker-1", COORDINATOR);
        // Longer than a round waits.
        world.pass(seconds(7));
        let before = world.rounds;
        world.pass(seconds(13));
        assert_eq!(world.rounds, before, "{}: rounds without a member", world.name);
        world.sim.repair("worker-1", COORDINATOR);
        let ended = world.finish();
        let returns = ended.returns();
        assert!(
            matches!(returns[..], [_, (Some(_), reason)] if reason.starts_with("worker-1 is lost: ")),
            "{}: {returns:?}",
            ended.name
        );
        assert!(ended.deployed == setup.undisturbed(&corpus), "{}: the parameters differ", ended.name);
    }
}

#[test]
fn a_line_that_stalls_for_less_than_a_round_waits_costs_nobody_anything() {
    let corpus = corpus();
    for setup in each_strategy("elastic") {
        let mut world = setup.start(&corpus);
        for worker in WORKERS {
            let rounds = world.rounds + 4;
            world.until("some rounds", |world| world.rounds >= rounds);
            world.pass(setup.moment());
            world.sim.hold(worker, COORDINATOR);
            world.pass(Duration::from_millis(1_500));
            world.sim.release(worker, COORDINATOR);
        }
        let ended = world.finish();
        assert!(ended.losses().is_empty(), "{}: {:?}", ended.name, ended.losses());
        assert!(ended.deployed == setup.undisturbed(&corpus), "{}: the parameters differ", ended.name);
    }
}

#[test]
fn when_the_coordinator_dies_everybody_goes_on_from_the_newest_checkpoint() {
    let corpus = corpus();
    // No worker is lost, so members and their sums stay the same in `elastic` too.
    for setup in ["fixed", "elastic"].into_iter().flat_map(each_strategy) {
        let mut world = setup.start(&corpus);
        for checkpoints in [1, 2] {
            world.until("a checkpoint", |world| world.checkpoints() >= checkpoints);
            let rounds = world.rounds + 2;
            world.until("rounds that will be void", |world| world.rounds >= rounds);
            world.pass(setup.moment());
            world.sim.crash(COORDINATOR);
            world.pass(seconds(2 + 3 * setup.seed));
            world.sim.bounce(COORDINATOR);
        }
        let ended = world.finish();
        let returns = ended.returns();
        assert!(
            matches!(returns[..], [_, (Some(first), _), (Some(second), _)] if first < second),
            "{}: {returns:?}",
            ended.name
        );
        assert!(ended.deployed == setup.undisturbed(&corpus), "{}: the parameters differ", ended.name);
    }
}

#[test]
fn a_coordinator_that_dies_between_the_last_round_and_its_checkpoint_finds_everybody_there() {
    let corpus = corpus();
    for setup in each_strategy("fixed") {
        let mut world = setup.start(&corpus);
        world.until("the last round", |world| world.is_done);
        world.sim.crash(COORDINATOR);
        world.pass(seconds(3));
        world.sim.bounce(COORDINATOR);
        let ended = world.finish();
        // The second coordinator goes back once, for itself, and loses nobody.
        let returns = ended.returns();
        assert!(matches!(returns[..], [_, (Some(_), _)]), "{}: {returns:?}", ended.name);
    }
}

#[test]
fn who_is_cut_off_while_it_writes_the_last_checkpoint_does_not_leave_the_run_without_one() {
    let corpus = corpus();
    for setup in each_strategy("fixed") {
        let mut world = setup.start(&corpus);
        world.until("the last round", |world| world.is_done);
        world.sim.partition(WORKERS[0], COORDINATOR);
        world.pass(seconds(20));
        world.sim.repair(WORKERS[0], COORDINATOR);
        world.finish();
    }
}

/// Random faults from several seeds, for each strategy and each membership.
fn with_random_faults(seeds: impl IntoIterator<Item = u64>) {
    let corpus = corpus();
    for seed in seeds {
        for setup in ["fixed", "elastic"].into_iter().flat_map(each_strategy) {
            let seed = 10 * seed + setup.seed;
            let mut world = Setup { seed, ..setup }.start(&corpus);
            random_faults(&mut world, seed, seconds(60));
            world.finish();
        }
    }
}

#[test]
fn whatever_the_network_does_each_batch_counts_once() {
    // With the second seed, one sequence of faults (seed 41) broke a connection in the middle of a frame while a
    // worker joined over it.
    with_random_faults([0, 4]);
}

#[test]
#[ignore = "minutes; docs/reliability.md has the command"]
fn whatever_many_networks_do_each_batch_counts_once() {
    with_random_faults(1..26);
}
