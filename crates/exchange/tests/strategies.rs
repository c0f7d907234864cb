//! Every registered strategy with several members, whose learners are plain vectors: replicas stay equal, a checkpoint
//! restores the same bits, and any strategy can follow any other.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::Numbers;
use std::ops::Range;
use stentor_exchange::strategy::{
    Decision, Learner, Member, Memory, Rate, Standing, Update, decision, member,
};
use stentor_exchange::{Encoding, Error, Reducer};
use stentor_experiment::{Experiment, Source, Strategy};

const VALUES: usize = 300;
const MEMBERS: usize = 4;
const RATE: Rate = Rate { base: 0.1, multiplier: 2.0 };

/// SGD with momentum on a vector.
#[derive(Clone)]
struct Sgd {
    parameters: Vec<f32>,
    gradient: Vec<f32>,
    velocity: Vec<f32>,
}

impl Sgd {
    fn take(&mut self, gradient: &[f32], rate: f64) -> Vec<f32> {
        self.velocity.iter_mut().zip(gradient).for_each(|(v, g)| *v = 0.5 * *v + g);
        self.velocity.iter().map(|v| -(rate as f32) * v).collect()
    }

    fn add(&mut self, step: &[f32]) {
        self.parameters.iter_mut().zip(step).for_each(|(p, s)| *p += s);
    }
}

impl Learner for Sgd {
    type Error = Error;

    fn values(&self) -> usize {
        VALUES
    }

    fn with_parameters<T>(&self, f: impl FnOnce(&[f32]) -> T) -> T {
        f(&self.parameters)
    }

    fn with_gradient<T>(&self, f: impl FnOnce(&[f32]) -> T) -> T {
        f(&self.gradient)
    }

    fn change_parameters<T>(&mut self, f: impl FnOnce(&mut [f32]) -> T) -> Result<T, Error> {
        Ok(f(&mut self.parameters))
    }

    fn load_parameters(&mut self, parameters: &[f32]) -> Result<(), Error> {
        self.parameters.copy_from_slice(parameters);
        Ok(())
    }

    fn scale_gradient(&mut self, factor: f64) -> Result<(), Error> {
        self.gradient.iter_mut().for_each(|g| *g *= factor as f32);
        Ok(())
    }

    fn step(&mut self, learning_rate: f64) -> Result<Vec<f32>, Error> {
        let gradient = self.gradient.clone();
        Ok(self.take(&gradient, learning_rate))
    }

    fn descend(&mut self, learning_rate: f64) -> Result<(), Error> {
        let step = self.step(learning_rate)?;
        self.add(&step);
        Ok(())
    }

    fn apply_gradient(&mut self, gradient: &[f32], learning_rate: f64) -> Result<(), Error> {
        let step = self.take(gradient, learning_rate);
        self.add(&step);
        Ok(())
    }

    fn plain_factor(&mut self, _learning_rate: f64) -> Option<f32> {
        None
    }

    fn moments(&self) -> Vec<Vec<f32>> {
        vec![self.velocity.clone()]
    }

    fn load_moments(&mut self, mut moments: Vec<Vec<f32>>) -> Result<(), Error> {
        self.velocity = moments.remove(0);
        Ok(())
    }

    fn reset_optimizer(&mut self) -> Result<(), Error> {
        self.velocity.fill(0.0);
        Ok(())
    }
}

struct Replica {
    learner: Sgd,
    member: Box<dyn Member<Sgd>>,
}

struct Cluster {
    experiment: Experiment,
    strategy: Strategy,
    asked: Option<Strategy>,
    memory: Memory,
    replicas: Vec<Replica>,
    round: u64,
}

impl Cluster {
    fn new(strategy: Strategy) -> Self {
        let text = "[run]\nname = \"r\"\noutput = \"o\"\n[data]\nannotated = \"a\"\n[optimizer]\nkind = \"sgd\"\n\
                    momentum = 0.5\n[exchange.gtc]\ndensity = 0.2\nwarmup_dense = 0.0\nwarmup_falling = 0.0\n\
                    [exchange.bmuf]\nblock = 3\nmoments = \"average\"\n[exchange.two_tier]\ngroup = 2\n";
        let experiment = Experiment::parse(text).unwrap();
        let learner = Sgd {
            parameters: Numbers::new(1).gradient(VALUES, 1.0),
            gradient: vec![0.0; VALUES],
            velocity: vec![0.0; VALUES],
        };
        let replica =
            |_| Replica { member: member(strategy, &experiment, &learner), learner: learner.clone() };
        let replicas = (0..MEMBERS).map(replica).collect();
        Self { experiment, strategy, asked: None, memory: Memory::default(), replicas, round: 0 }
    }

    fn decision(&self) -> &'static dyn Decision {
        decision(self.strategy)
    }

    /// Returns the positions of the members of each group.
    fn groups(&self) -> Vec<Range<usize>> {
        match self.decision().groups(&self.experiment.exchange) {
            Some(groups) => (0..groups.groups(MEMBERS)).map(|group| groups.members(group, MEMBERS)).collect(),
            None => std::iter::once(0..MEMBERS).collect(),
        }
    }

    /// Runs one round of all members. Returns its encoding.
    fn round(&mut self) -> Encoding {
        let groups = self.groups();
        let standing = Standing {
            settings: &self.experiment.exchange,
            memory: &self.memory,
            progress: 0.5,
            source: Source::Annotated,
            members: MEMBERS,
            groups: groups.len(),
            switching: self.asked.is_some(),
            leaving: false,
        };
        let block = self.decision().block(&self.experiment.exchange).unwrap_or(1);
        let batches = if self.decision().meets(&standing, false) { 0 } else { block };
        let all = (batches > 0).then(|| u64::from(batches) * MEMBERS as u64);
        let encoding = self.decision().encoding(&standing, all);
        let everything: Vec<Range<usize>> = std::iter::once(0..VALUES).collect();
        let coded: Vec<_> = (0u64..)
            .zip(&mut self.replicas)
            .map(|(slot, Replica { learner, member })| {
                member.begin(&encoding, learner).unwrap();
                let mut frames = member.contributed_frames(&encoding);
                for batch in 0..u64::from(batches) {
                    learner.gradient =
                        Numbers::new((self.round << 20) + (slot << 10) + batch).gradient(VALUES, 1.0);
                    member.learn(learner, RATE).unwrap();
                    frames += 10 + slot;
                }
                (frames, member.contribute(&encoding, learner, &everything).unwrap())
            })
            .collect();
        // In a block of groups, the first member sends the group's model.
        let meeting = encoding.is_block() && groups.len() > 1;
        let sums = if meeting { std::iter::once(0..MEMBERS).collect() } else { groups.clone() };
        for group in sums {
            let speaks = |slot: &usize| !meeting || groups.iter().any(|group| group.start == *slot);
            let summation = encoding.summation(self.experiment.exchange.bmuf.weights).unwrap();
            let mut reducer = Reducer::new(&summation, VALUES * coded[0].1.sections as usize);
            for slot in group.clone().filter(speaks) {
                reducer.add(slot as u32, coded[slot].0, &coded[slot].1.payloads[0]).unwrap();
            }
            let sum = reducer.finish().unwrap();
            for slot in group {
                let (counted, frames) = (speaks(&slot), sum.frames);
                let sums = [(0..VALUES, sum.payload.as_slice())];
                let update = Update { encoding, sums: &sums, counted, frames, rate: RATE };
                let Replica { learner, member } = &mut self.replicas[slot];
                member.apply(&update, learner).unwrap();
            }
        }
        let asked: Vec<f32> = coded.iter().map(|(_, coded)| coded.suggested_tau).collect();
        self.memory.follow(Source::Annotated, &encoding, &asked);
        self.round += 1;
        if self.decision().closed(&encoding, &mut self.memory)
            && let Some(next) = self.asked.take()
        {
            self.begin(next);
        }
        encoding
    }

    fn begin(&mut self, strategy: Strategy) {
        (self.strategy, self.memory) = (strategy, Memory::default());
        for Replica { learner, member: side } in &mut self.replicas {
            if let Some(deployed) = side.deployed() {
                learner.load_parameters(deployed).unwrap();
            }
            learner.reset_optimizer().unwrap();
            *side = member(strategy, &self.experiment, &*learner);
        }
    }

    /// Checks that members that must have the same parameters do.
    fn check(&self) {
        let one: Vec<Range<usize>> =
            if self.memory.apart > 0 { self.groups() } else { std::iter::once(0..MEMBERS).collect() };
        let pairs = one.iter().flat_map(|group| group.clone().map(|slot| (group.start, slot)));
        for pair in pairs {
            let [first, other] = [pair.0, pair.1].map(|slot| &self.replicas[slot].learner.parameters);
            assert_eq!(first, other, "{pair:?} by {} after round {}", self.strategy.name(), self.round);
        }
    }

    /// Restores all members as if they had been written to a checkpoint and read by new processes.
    fn reload(&mut self) {
        for Replica { learner, member: side } in &mut self.replicas {
            let mut shared = side.shared();
            let own: Vec<Vec<f32>> = side.own().into_iter().map(|(_, kept)| kept.to_vec()).collect();
            let deployed = side.deployed().map_or_else(|| learner.parameters.clone(), <[f32]>::to_vec);
            learner.load_parameters(&deployed).unwrap();
            *side = member(self.strategy, &self.experiment, &*learner);
            side.restore(&mut shared, learner).unwrap();
            side.own_mut().into_iter().zip(&own).for_each(|((_, kept), own)| kept.copy_from_slice(own));
        }
    }

    fn parameters(&self) -> Vec<Vec<f32>> {
        self.replicas.iter().map(|replica| replica.learner.parameters.clone()).collect()
    }
}

#[test]
fn replicas_have_the_same_bits_after_every_round_of_every_strategy() {
    for strategy in Strategy::ALL {
        let mut cluster = Cluster::new(strategy);
        let before = cluster.parameters();
        for _ in 0..20 {
            cluster.round();
            cluster.check();
        }
        let after = cluster.parameters();
        assert!(after != before && after.iter().flatten().all(|v| v.is_finite()), "{}", strategy.name());
        let keeps = cluster.replicas[0].member.own().iter().any(|(name, _)| *name == "residual");
        assert_eq!(keeps, cluster.decision().keeps_residual());
        assert_eq!(cluster.replicas[0].member.deployed().is_some(), cluster.decision().keeps_filter());
    }
}

#[test]
fn a_restored_checkpoint_continues_with_the_same_bits() {
    for strategy in Strategy::ALL {
        let [mut one, mut other] = [Cluster::new(strategy), Cluster::new(strategy)];
        for round in 0..20 {
            one.round();
            other.round();
            // Between group exchanges no checkpoint is written.
            if round >= 7 && other.memory.apart == 0 {
                other.reload();
            }
            assert_eq!(one.parameters(), other.parameters(), "{} after round {round}", strategy.name());
        }
    }
}

#[test]
fn any_strategy_follows_any_other_once_no_exchange_is_in_progress() {
    for first in Strategy::ALL {
        for second in Strategy::ALL.into_iter().filter(|second| *second != first) {
            let mut cluster = Cluster::new(first);
            for _ in 0..6 {
                cluster.round();
            }
            cluster.asked = Some(second);
            let mut last = cluster.round();
            // A round inside groups that is in progress, one that is exchanged whole, and a group exchange.
            for _ in 0..3 {
                if cluster.strategy == second {
                    break;
                }
                last = cluster.round();
            }
            let names = (first.name(), second.name());
            assert_eq!(cluster.strategy, second, "{names:?}");
            assert!(last.tau().is_none(), "{names:?}: residuals go into the model first: {last:?}");
            cluster.check();
            cluster.round();
            cluster.check();
        }
    }
}
