//! Many workers in one process: groups that exchange at every batch, and a block filter across groups.
//!
//! All strategies are settings of this model. Dense and GTC: one group of all workers, and no blocks. BMUF: groups of
//! one worker. Two tiers: groups of several workers.

use crate::clouds::Clouds;
use crate::network::{Network, add_scaled};
use rayon::prelude::*;
use stentor_exchange::gtc::{self, suggest_tau};
use stentor_exchange::{
    BlockMomentum, Encoder, Error, Reducer, Rethreshold, Summation, Tau, WeightedMean, decode_dense,
    encode_dense,
};
use stentor_experiment::{Bmuf, BmufMomentum, BmufWeights};

/// Share of all rounds that GTC exchanges dense at the start.
const WARM_UP: f64 = 0.02;
/// Learning rate at the end, as a share of the one at the start; the fall is linear.
const FINAL_RATE: f32 = 0.05;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) workers: usize,
    /// Number of workers in a group.
    pub(crate) group: usize,
    pub(crate) inside: Inside,
    /// Filter across groups; without one, there is a single group.
    pub(crate) blocks: Option<Blocks>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Blocks {
    /// Number of batches of a worker between two exchanges across groups.
    pub(crate) batches: usize,
    /// η; if absent, 1 − 1/N for N groups.
    pub(crate) momentum: Option<f64>,
}

/// What the workers of a group exchange after every batch.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Inside {
    Dense,
    Gtc { density: f64, rethreshold: bool },
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// Loss on held-out data, nats.
    pub(crate) loss: f64,
    /// Traffic from the workers and to them, without the warm-up.
    pub(crate) up: Traffic,
    pub(crate) down: Traffic,
}

/// What all workers sent or received.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Traffic {
    bytes: usize,
    /// Values in messages of signs or counts, and how many of them were not zero.
    values: u64,
    nonzero: u64,
    batches: usize,
}

impl Traffic {
    pub(crate) fn bytes_per_batch(&self) -> f64 {
        self.bytes as f64 / self.batches.max(1) as f64
    }

    /// Returns the share of values sent; `None` if nothing was sent as signs.
    pub(crate) fn density(&self) -> Option<f64> {
        (self.values > 0).then(|| self.nonzero as f64 / self.values as f64)
    }

    fn signs(&mut self, bytes: usize, values: usize, nonzero: u64, workers: usize) {
        self.bytes += bytes * workers;
        self.values += (values * workers) as u64;
        self.nonzero += nonzero * workers as u64;
    }
}

/// Workers that have the same parameters.
struct Group {
    parameters: Vec<f32>,
    residuals: Vec<Vec<f32>>,
    reducer: Reducer,
    rethreshold: Option<Rethreshold>,
    tau: Option<Tau>,
    up: Traffic,
    down: Traffic,
}

/// Trains once through the data and returns the outcome.
pub(crate) fn train(
    network: &Network,
    clouds: &Clouds,
    setting: Setting,
    rate: f32,
) -> Result<Outcome, Error> {
    let Setting { workers, group: members, inside, blocks } = setting;
    let (groups, rounds) = (workers / members, clouds.batches.len() / workers);
    let initial = network.initial();
    let mut cluster: Vec<Group> = (0..groups).map(|_| Group::new(&initial, members, inside)).collect();
    let mut filter = blocks.map(|_| BlockMomentum::new(initial, BmufMomentum::Nesterov));
    for round in 0..rounds {
        let progress = round as f64 / rounds as f64;
        let rate = rate * (1.0 - (1.0 - FINAL_RATE) * progress as f32);
        let warm = progress < WARM_UP;
        cluster.par_iter_mut().enumerate().try_for_each(|(number, group)| {
            let first = round * workers + number * members;
            let work = |member: usize| network.gradient(&group.parameters, &clouds.batches[first + member]);
            let gradients: Vec<Vec<f32>> = (0..members).into_par_iter().map(work).collect();
            group.exchange(&gradients, inside, warm, rate)
        })?;
        if let (Some(filter), Some(blocks)) = (&mut filter, blocks)
            && (round + 1) % blocks.batches == 0
        {
            let eta = Bmuf { momentum: blocks.momentum, ..Bmuf::default() }.momentum_for(groups, progress);
            let mut mean = WeightedMean::new(network.parameters());
            cluster.iter().try_for_each(|group| mean.add(1, &group.parameters))?;
            filter.close(&mean.finish()?, eta, 1.0)?;
            for group in &mut cluster {
                group.parameters.copy_from_slice(filter.start());
                // One member sends the group's model; all members receive the new start.
                group.up.bytes += 4 * network.parameters();
                group.down.bytes += 4 * network.parameters() * members;
            }
        }
    }
    let deployed = filter.as_ref().map_or(&*cluster[0].parameters, BlockMomentum::deployed);
    let mut outcome = Outcome { loss: network.loss(deployed, &clouds.held_out), ..Outcome::default() };
    for group in &cluster {
        outcome.up.add(&group.up);
        outcome.down.add(&group.down);
    }
    Ok(outcome)
}

impl Traffic {
    fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.values += other.values;
        self.nonzero += other.nonzero;
        self.batches += other.batches;
    }
}

impl Group {
    fn new(initial: &[f32], members: usize, inside: Inside) -> Self {
        let values = initial.len();
        let (signs, again) = match inside {
            Inside::Dense => (false, false),
            Inside::Gtc { rethreshold, .. } => (true, rethreshold),
        };
        Self {
            parameters: initial.to_vec(),
            residuals: if signs { vec![vec![0.0; values]; members] } else { Vec::new() },
            reducer: Reducer::new(&Summation::mean(BmufWeights::Frames), values),
            rethreshold: again.then(|| Rethreshold::new(values)),
            tau: None,
            up: Traffic::default(),
            down: Traffic::default(),
        }
    }

    /// Runs a round of the group: every member contributes a gradient, then one step of SGD.
    fn exchange(
        &mut self,
        gradients: &[Vec<f32>],
        inside: Inside,
        warm: bool,
        rate: f32,
    ) -> Result<(), Error> {
        let Inside::Gtc { density, .. } = inside else {
            return self.exchange_dense(gradients, rate, !warm);
        };
        let asked = |residuals: &[Vec<f32>]| {
            let pairs = gradients.iter().zip(residuals);
            pairs.filter_map(|(g, r)| suggest_tau(g, r, density)).collect::<Vec<f32>>()
        };
        match self.tau {
            Some(tau) if !warm => {
                // As in the product, suggestions of this round determine τ of the next.
                let next = Tau::agreed(&asked(&self.residuals));
                self.exchange_signs(gradients, tau, rate)?;
                self.tau = next.or(self.tau);
            }
            _ => {
                self.tau = Tau::agreed(&asked(&self.residuals));
                self.exchange_dense(gradients, rate, false)?;
            }
        }
        Ok(())
    }

    fn exchange_dense(&mut self, gradients: &[Vec<f32>], rate: f32, counted: bool) -> Result<(), Error> {
        let values = self.parameters.len();
        self.reducer.restart(&Summation::mean(BmufWeights::Frames));
        for (slot, gradient) in (0..).zip(gradients) {
            self.reducer.add(slot, 1, &encode_dense(gradient))?;
        }
        let mean = decode_dense(&self.reducer.finish()?.payload, values)?;
        add_scaled(&mut self.parameters, -rate, &mean);
        if counted {
            // A group of one sends nothing.
            let bytes = if gradients.len() > 1 { 4 * values * gradients.len() } else { 0 };
            self.up.bytes += bytes;
            self.down.bytes += bytes;
            self.count_batches(gradients.len());
        }
        Ok(())
    }

    fn exchange_signs(&mut self, gradients: &[Vec<f32>], tau: Tau, rate: f32) -> Result<(), Error> {
        let (values, members) = (self.parameters.len(), gradients.len());
        self.reducer.restart(&Summation::Signs { tau });
        for ((slot, gradient), residual) in (0..).zip(gradients).zip(&mut self.residuals) {
            let (mut next, mut message) = (vec![0.0; values], Vec::new());
            let sent = Encoder::new().encode(gradient, residual, tau, None, &mut next, &mut message)?;
            self.reducer.add(slot, 1, &message)?;
            self.up.signs(message.len(), values, sent.sent, 1);
            *residual = next;
        }
        let update = match &mut self.rethreshold {
            Some(rethreshold) => self.reducer.finish_rethresholded(rethreshold)?,
            None => self.reducer.finish()?,
        };
        self.down.signs(update.payload.len(), values, update.nonzero, members);
        self.count_batches(members);
        gtc::add_scaled(&update.payload, &mut self.parameters, -rate)?;
        Ok(())
    }

    fn count_batches(&mut self, members: usize) {
        self.up.batches += members;
        self.down.batches += members;
    }
}
