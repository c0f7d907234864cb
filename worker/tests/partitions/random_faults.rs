//! Random sequences of all kinds of faults on links and hosts, from a seed.

use crate::world::{COORDINATOR, WORKERS, World};
use std::time::Duration;
use stentor_random::SplitMix64;
use turmoil::Sim;

/// Probability that a message breaks its link, until the next message.
const FAIL_RATE: f64 = 5e-4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// All messages on a worker's link are lost.
    Cut(&'static str),
    /// All messages in one direction are lost.
    Deaf { from: &'static str, to: &'static str },
    /// All messages are delayed.
    Stall(&'static str),
    /// The program dies.
    Death(&'static str),
}

/// Pseudo-random numbers from a seed.
struct Random(SplitMix64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    fn between(&mut self, least_ms: u64, most_ms: u64) -> Duration {
        Duration::from_millis(least_ms + self.below(most_ms - least_ms))
    }

    /// A random fault and its duration, which may be shorter or longer than a round waits, or than an idle connection
    /// survives.
    fn fault(&mut self) -> (Fault, Duration) {
        let worker = WORKERS[self.below(3) as usize];
        match self.below(6) {
            0 => (Fault::Cut(worker), self.between(500, 25_000)),
            1 => (Fault::Deaf { from: worker, to: COORDINATOR }, self.between(500, 25_000)),
            2 => (Fault::Deaf { from: COORDINATOR, to: worker }, self.between(500, 25_000)),
            3 => (Fault::Stall(worker), self.between(500, 12_000)),
            4 => (Fault::Death(worker), self.between(500, 8_000)),
            _ => (Fault::Death(COORDINATOR), self.between(500, 8_000)),
        }
    }
}

impl Fault {
    /// Whether both faults concern the same link or program, which can have only one fault at a time.
    fn meets(self, other: Fault) -> bool {
        let line = |fault| match fault {
            Fault::Cut(worker) | Fault::Stall(worker) => Some(worker),
            Fault::Deaf { from, to } => Some(if from == COORDINATOR { to } else { from }),
            Fault::Death(_) => None,
        };
        self == other || (line(self).is_some() && line(self) == line(other))
    }

    fn strike(self, sim: &mut Sim<'_>) {
        match self {
            Fault::Cut(worker) => sim.partition(worker, COORDINATOR),
            Fault::Deaf { from, to } => sim.partition_oneway(from, to),
            Fault::Stall(worker) => sim.hold(worker, COORDINATOR),
            Fault::Death(host) => sim.crash(host),
        }
    }

    fn mend(self, sim: &mut Sim<'_>) {
        match self {
            Fault::Cut(worker) => sim.repair(worker, COORDINATOR),
            Fault::Deaf { from, to } => sim.repair_oneway(from, to),
            Fault::Stall(worker) => sim.release(worker, COORDINATOR),
            Fault::Death(host) => sim.bounce(host),
        }
    }
}

/// Injects random faults from `seed` into a run for `lasts`; then ends all faults.
pub(crate) fn random_faults(world: &mut World<'_>, seed: u64, lasts: Duration) {
    let mut random = Random(SplitMix64::new(seed));
    let mut open: Vec<(Duration, Fault)> = Vec::new();
    let end = world.sim.elapsed() + lasts;
    let mut next = world.sim.elapsed();
    world.sim.set_fail_rate(FAIL_RATE);
    while world.sim.elapsed() < end {
        let now = world.sim.elapsed();
        open.extract_if(.., |(until, _)| *until <= now).for_each(|(_, fault)| fault.mend(&mut world.sim));
        if now >= next {
            next = now + random.between(1_000, 8_000);
            let (fault, lasts) = random.fault();
            // A program that has finished is not started again.
            let over = matches!(fault, Fault::Death(host) if !world.sim.is_host_running(host));
            if !over && !open.iter().any(|(_, other)| fault.meets(*other)) {
                fault.strike(&mut world.sim);
                open.push((now + lasts, fault));
            }
        }
        world.step();
    }
    world.sim.set_fail_rate(0.0);
    open.into_iter().for_each(|(_, fault)| fault.mend(&mut world.sim));
    // A link that was broken by the last message would stay broken.
    WORKERS.into_iter().for_each(|worker| world.sim.release(worker, COORDINATOR));
}
