use super::Bug;
use super::random::mix;
use super::store::{Object, Store};
use stentor_coordinator::state_machine::{Assignment, Encoding};
use stentor_exchange::strategy::decision;
use stentor_exchange::{BlockMomentum, BlockParts};
use stentor_experiment::{BmufMomentum, Strategy};
use stentor_plan::Lease;

/// Values of the pretended model. Gradients are small whole numbers, so that residuals and sums can be compared exactly; the
/// block filter is the real one.
const VALUES: usize = 2;

const MODEL: &str = "model";
const FILTER: &str = "replicated";

pub(super) fn own_state(identity: &str) -> String {
    format!("state-{identity}")
}

/// A worker's copy of the model and its side of the exchange, as `worker/src/replica` has it.
#[derive(Debug)]
pub(super) struct Replica {
    strategy: Strategy,
    momentum: BmufMomentum,
    parameters: Vec<f32>,
    residual: Option<Residual>,
    block: Option<BlockMomentum>,
    gradient: Vec<i64>,
    pub(super) last_update: Option<u64>,
}

#[derive(Debug, Clone, Default)]
struct Residual {
    kept: Vec<i64>,
    /// What is kept once the contribution counted.
    next: Vec<i64>,
}

/// A contribution.
#[derive(Debug, Clone)]
pub(super) struct Coded {
    /// None: there was nothing to learn.
    pub(super) payload: Option<Payload>,
    pub(super) frames: u64,
    /// Of the parameters that the round started from, where it was asked for.
    pub(super) digest: Option<u64>,
    /// What was learned, and what of it and the residual was sent.
    pub(super) gradient: Vec<i64>,
    pub(super) sent: Vec<i64>,
}

/// What a member brings to the reducers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Payload {
    Counts(Vec<i64>),
    Model(Vec<f32>),
}

/// A block filter before and after an update, with the mean that it was closed with.
#[derive(Debug)]
pub(super) struct BlockStep {
    pub(super) before: BlockParts,
    pub(super) mean: Vec<f32>,
    pub(super) after: BlockParts,
}

impl Replica {
    pub(super) fn new(strategy: Strategy, momentum: BmufMomentum) -> Self {
        let parameters = vec![0.0; VALUES];
        let (residual, block, gradient) = (None, None, vec![0; VALUES]);
        let mut replica =
            Self { strategy, momentum, parameters, residual, block, gradient, last_update: None };
        replica.take_sides();
        replica
    }

    fn take_sides(&mut self) {
        let decision = decision(self.strategy);
        let none = vec![0; VALUES];
        self.residual = decision.keeps_residual().then(|| Residual { kept: none.clone(), next: none });
        self.block =
            decision.keeps_filter().then(|| BlockMomentum::new(self.parameters.clone(), self.momentum));
    }

    /// Loads a checkpoint; whoever finds no state of its own begins without a residual.
    pub(super) fn load(&mut self, store: &Store, checkpoint: &str, identity: &str) -> Result<(), String> {
        store.loads(checkpoint)?;
        let missing = |name: &str| format!("checkpoint `{checkpoint}` has no `{name}`");
        let Some(Object::Model(model)) = store.object(checkpoint, MODEL) else { return Err(missing(MODEL)) };
        self.parameters.clone_from(model);
        if self.block.is_some() {
            let Some(Object::Filter { delta, look_ahead_eta }) = store.object(checkpoint, FILTER) else {
                return Err(missing(FILTER));
            };
            let parts =
                BlockParts { w: model.clone(), delta: delta.clone(), look_ahead_eta: *look_ahead_eta };
            let filter = BlockMomentum::from_parts(parts, self.momentum).map_err(|e| e.to_string())?;
            self.parameters = filter.start().to_vec();
            self.block = Some(filter);
        }
        let mine = own_state(identity);
        if let (Some(residual), Some(Object::Own(Some(kept)))) =
            (&mut self.residual, store.object(checkpoint, &mine))
            && store.listed(checkpoint).any(|name| name == mine)
        {
            residual.kept.clone_from(kept);
        }
        Ok(())
    }

    /// What a member writes at a boundary.
    pub(super) fn save(&self, identity: &str, writes_model: bool) -> Vec<(String, Object)> {
        let mut objects = Vec::new();
        if writes_model {
            objects.push((MODEL.to_owned(), Object::Model(self.deployed().to_vec())));
            if let Some(block) = &self.block {
                let BlockParts { delta, look_ahead_eta, .. } = block.parts();
                objects.push((FILTER.to_owned(), Object::Filter { delta, look_ahead_eta }));
            }
        }
        let kept = self.residual.as_ref().map(|r| r.kept.clone());
        objects.push((own_state(identity), Object::Own(kept)));
        objects
    }

    fn deployed(&self) -> &[f32] {
        self.block.as_ref().map_or(self.parameters.as_slice(), BlockMomentum::deployed)
    }

    /// Whole numbers that are kept back, where any are.
    pub(super) fn kept(&self) -> Option<&[i64]> {
        self.residual.as_ref().map(|r| r.kept.as_slice())
    }

    pub(super) fn digest(&self) -> u64 {
        self.parameters.iter().fold(3, |digest, value| mix(digest ^ u64::from(value.to_bits())))
    }

    /// Prepares for a round. True where another strategy begins.
    pub(super) fn begin(&mut self, assignment: &Assignment) -> Result<bool, String> {
        let switches = assignment.strategy != self.strategy;
        if switches {
            self.parameters = self.deployed().to_vec();
            self.strategy = assignment.strategy;
            self.take_sides();
        }
        if let (Strategy::Bmuf, Encoding::Block { momentum, .. }, Some(block)) =
            (self.strategy, assignment.encoding, &mut self.block)
            && block.look_ahead_eta() != momentum
            && self.momentum == BmufMomentum::Nesterov
        {
            block.look_ahead(momentum).map_err(|e| e.to_string())?;
            self.parameters = block.start().to_vec();
        }
        self.gradient = vec![0; VALUES];
        Ok(switches)
    }

    /// Learns the batches of `leases`; returns frames.
    pub(super) fn learn(&mut self, leases: &[Lease]) -> u64 {
        let mut frames = 0;
        for lease in leases {
            for batch in lease.first_batch..lease.first_batch + lease.batches {
                frames += 10;
                for (index, sum) in self.gradient.iter_mut().enumerate() {
                    let gradient = gradient_of(lease, batch, index);
                    *sum += gradient;
                    if self.strategy == Strategy::Bmuf {
                        self.parameters[index] += gradient as f32;
                    }
                }
            }
        }
        frames
    }

    /// Codes what was learned. Nothing of it is adopted before [`apply`](Self::apply).
    pub(super) fn code(&mut self, assignment: &Assignment, learned: u64) -> Coded {
        // Whoever does not speak for its group may have to, when the one that does goes.
        let meeting = assignment.leases.is_empty() && matches!(assignment.encoding, Encoding::Block { .. });
        let frames = if meeting && self.strategy == Strategy::TwoTier { 1 } else { learned };
        let gradient = self.gradient.clone();
        if frames == 0 {
            return Coded { payload: None, frames, digest: None, gradient, sent: vec![0; VALUES] };
        }
        if let Encoding::Block { .. } = assignment.encoding {
            let payload = Some(Payload::Model(self.parameters.clone()));
            return Coded { payload, frames, digest: None, gradient, sent: vec![0; VALUES] };
        }
        let threshold = match assignment.encoding {
            Encoding::Threshold { tau, .. } => tau as i64,
            Encoding::Dense { .. } | Encoding::Block { .. } => 0,
        };
        let kept = self.residual.as_ref().map_or_else(|| vec![0; VALUES], |r| r.kept.clone());
        let all: Vec<i64> = gradient.iter().zip(&kept).map(|(g, r)| g + r).collect();
        let sent: Vec<i64> = match threshold {
            0 => all.clone(),
            tau => all.iter().map(|v| if v.abs() >= tau { v.signum() * tau } else { 0 }).collect(),
        };
        if let Some(residual) = &mut self.residual {
            residual.next = all.iter().zip(&sent).map(|(all, sent)| all - sent).collect();
        }
        Coded { payload: Some(Payload::Counts(sent.clone())), frames, digest: None, gradient, sent }
    }

    /// Takes a round's sum in. `counted`: whether this worker's payload is in it.
    pub(super) fn apply(
        &mut self,
        encoding: Encoding,
        payloads: &[Payload],
        counted: bool,
    ) -> Result<Option<BlockStep>, String> {
        let adopts = counted || Bug::ResidualAdoptedUncounted.is_armed();
        if let (true, Some(residual), false) =
            (adopts, &mut self.residual, matches!(encoding, Encoding::Block { .. }))
        {
            std::mem::swap(&mut residual.kept, &mut residual.next);
        }
        if payloads.is_empty() {
            self.last_update = None;
            return Ok(None);
        }
        let mut sum = vec![0.0f64; VALUES];
        for payload in payloads {
            match payload {
                Payload::Counts(counts) => {
                    sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += *count as f64);
                }
                Payload::Model(values) => {
                    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(*value));
                }
            }
        }
        self.last_update = Some(sum.iter().fold(5, |digest, value| mix(digest ^ value.to_bits())));
        let Encoding::Block { momentum, learning_rate, .. } = encoding else {
            self.parameters.iter_mut().zip(&sum).for_each(|(parameter, sum)| *parameter += *sum as f32);
            return Ok(None);
        };
        let block = self.block.as_mut().ok_or("a block was asked for where none is kept")?;
        let mean: Vec<f32> = sum.iter().map(|sum| (sum / payloads.len() as f64) as f32).collect();
        let before = block.parts();
        block.close(&mean, momentum, learning_rate).map_err(|e| e.to_string())?;
        if Bug::LookAheadFedBack.is_armed() {
            let parts = BlockParts { w: block.start().to_vec(), ..block.parts() };
            *block = BlockMomentum::from_parts(parts, self.momentum).map_err(|e| e.to_string())?;
        }
        self.parameters = block.start().to_vec();
        Ok(Some(BlockStep { before, mean, after: block.parts() }))
    }
}

/// From −9 to 9; depends on the batch alone, as the real one's content does.
fn gradient_of(lease: &Lease, batch: u32, index: usize) -> i64 {
    let parts =
        [lease.source.index() as u64, u64::from(lease.pass), lease.unit, u64::from(batch), index as u64];
    (parts.iter().fold(7, |hash, part| mix(hash ^ part)) % 19) as i64 - 9
}
