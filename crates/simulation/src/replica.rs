use super::random::mix;
use super::store::{Object, Store};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::slice::from_ref;
use std::sync::Arc;
use stentor_exchange::strategy::{Coded, Learner, Member, Rate, Update, member};
use stentor_exchange::{BlockParts, Error, decode_dense, digest_f32};
use stentor_experiment::{Experiment, Strategy};
use stentor_participant::{Apply, Batch, Encoded};
use stentor_rounds::{Assignment, Encoding};

/// Values of the model, all in one range. Gradients are small whole numbers, so that residuals are whole too and can be compared
/// exactly.
pub(super) const VALUES: usize = 2;
const RANGE: Range<usize> = 0..VALUES;
/// A whole number too.
const TAU: f32 = 4.0;

const MODEL: &str = "model";
const SHARED: &str = "replicated";
/// Name under which a strategy keeps the residual of GTC.
const RESIDUAL: &str = "residual";

pub(super) fn own_state(identity: &str) -> String {
    format!("state-{identity}")
}

/// A model of a few values, which learns by adding its gradient.
#[derive(Debug)]
pub(super) struct Vector {
    parameters: Vec<f32>,
    gradient: Vec<f32>,
}

impl Vector {
    fn add(&mut self, step: &[f32]) {
        self.parameters.iter_mut().zip(step).for_each(|(parameter, step)| *parameter += step);
    }
}

impl Learner for Vector {
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
        self.parameters = parameters.to_vec();
        Ok(())
    }

    fn scale_gradient(&mut self, factor: f64) -> Result<(), Error> {
        self.gradient.iter_mut().for_each(|value| *value *= factor as f32);
        Ok(())
    }

    fn step(&mut self, _learning_rate: f64) -> Result<Vec<f32>, Error> {
        Ok(self.gradient.clone())
    }

    fn descend(&mut self, _learning_rate: f64) -> Result<(), Error> {
        let step = self.gradient.clone();
        self.add(&step);
        Ok(())
    }

    fn apply_gradient(&mut self, gradient: &[f32], _learning_rate: f64) -> Result<(), Error> {
        self.add(gradient);
        Ok(())
    }

    fn plain_factor(&mut self, _learning_rate: f64) -> Option<f32> {
        Some(1.0)
    }

    fn moments(&self) -> Vec<Vec<f32>> {
        Vec::new()
    }

    fn load_moments(&mut self, _moments: Vec<Vec<f32>>) -> Result<(), Error> {
        Ok(())
    }

    fn reset_optimizer(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// A worker's copy of the model, with the real member's side of the strategy in force. It does what `worker/src/replica` and
/// `worker/src/state/mod.rs` do.
pub(super) struct Replica {
    vector: Vector,
    member: Box<dyn Member<Vector>>,
    pub(super) strategy: Strategy,
    experiment: Arc<Experiment>,
    pub(super) coded: Coded,
    /// The expected residual, computed independently.
    pub(super) book: Option<Vec<f32>>,
}

/// A block filter before and after an update, with the mean of the block.
#[derive(Debug)]
pub(super) struct BlockStep {
    pub(super) before: BlockParts,
    pub(super) mean: Vec<f32>,
    pub(super) after: BlockParts,
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica").field("vector", &self.vector).finish_non_exhaustive()
    }
}

impl Replica {
    pub(super) fn new(strategy: Strategy, experiment: &Arc<Experiment>) -> Self {
        let vector = Vector { parameters: vec![0.0; VALUES], gradient: vec![0.0; VALUES] };
        let mut replica = Self {
            member: member(strategy, experiment, &vector),
            vector,
            strategy,
            experiment: Arc::clone(experiment),
            coded: Coded::default(),
            book: None,
        };
        replica.open_book();
        replica
    }

    fn open_book(&mut self) {
        self.book = self.residual().map(<[f32]>::to_vec);
    }

    /// The residual of GTC, in the strategies that use it.
    pub(super) fn residual(&self) -> Option<&[f32]> {
        self.member.own().into_iter().find(|(name, _)| *name == RESIDUAL).map(|(_, kept)| kept)
    }

    /// 2-norm of all residuals.
    pub(super) fn kept_norm(&self) -> f64 {
        let own = self.member.own().into_iter().flat_map(|(_, kept)| kept.iter());
        own.map(|kept| f64::from(*kept).powi(2)).sum::<f64>().sqrt()
    }

    /// Loads a checkpoint; a member without a state of its own begins without a residual.
    pub(super) fn load(&mut self, store: &Store, checkpoint: &str, identity: &str) -> Result<(), String> {
        store.loads(checkpoint)?;
        let missing = |name: &str| format!("checkpoint `{checkpoint}` has no `{name}`");
        let Some(Object::Model(model)) = store.object(checkpoint, MODEL) else { return Err(missing(MODEL)) };
        self.vector.parameters.clone_from(model);
        let Some(Object::Shared(shared)) = store.object(checkpoint, SHARED) else {
            return Err(missing(SHARED));
        };
        self.member.restore(&mut shared.clone(), &mut self.vector).map_err(|e| e.to_string())?;
        let mine = own_state(identity);
        if let Some(Object::Own(saved)) = store.object(checkpoint, &mine)
            && store.listed(checkpoint).any(|name| name == mine)
        {
            for (name, kept) in self.member.own_mut() {
                if let Some(saved) = saved.get(name) {
                    kept.copy_from_slice(saved);
                }
            }
        }
        self.open_book();
        Ok(())
    }

    /// The objects that a member writes at a boundary.
    pub(super) fn save(&self, identity: &str, writes_model: bool) -> Vec<(String, Object)> {
        let mut objects = Vec::new();
        if writes_model {
            objects.push((MODEL.to_owned(), Object::Model(self.deployed().to_vec())));
            objects.push((SHARED.to_owned(), Object::Shared(self.member.shared())));
        }
        let own = self.member.own().into_iter().map(|(name, kept)| (name.to_owned(), kept.to_vec()));
        objects.push((own_state(identity), Object::Own(own.collect::<BTreeMap<_, _>>())));
        objects
    }

    fn deployed(&self) -> &[f32] {
        self.member.deployed().unwrap_or(&self.vector.parameters)
    }

    /// A parameter changes, as by bad memory.
    pub(super) fn flip(&mut self, by: f32) {
        self.vector.parameters[0] += by;
    }

    pub(super) fn digest(&self) -> u64 {
        digest_f32(&self.vector.parameters)
    }

    /// Prepares for a round; returns the frames behind its contribution to a round without batches.
    pub(super) fn begin(&mut self, assignment: &Assignment) -> Result<u64, Error> {
        if assignment.strategy != self.strategy {
            self.vector.parameters = self.deployed().to_vec();
            self.member = member(assignment.strategy, &self.experiment, &self.vector);
            self.strategy = assignment.strategy;
            self.open_book();
        }
        self.coded = Coded::default();
        self.member.begin(&assignment.encoding, &mut self.vector)?;
        Ok(self.member.contributed_frames(&assignment.encoding))
    }

    /// Learns from a batch.
    pub(super) fn learn(&mut self, batch: &Batch, total_frames: u64) -> Result<(), Error> {
        let lease = batch.alone();
        let parts =
            [lease.source.index() as u64, u64::from(lease.pass), lease.unit, u64::from(lease.first_batch)];
        let hash = parts.iter().fold(7, |hash, part| mix(hash ^ part));
        // From −9 to 9; it depends on the batch alone, like a real gradient.
        let value = |index: usize| (mix(hash ^ index as u64) % 19) as f32 - 9.0;
        self.vector.gradient = (0..VALUES).map(value).collect();
        let schedule = &self.experiment.schedule;
        let rate = Rate::at(schedule, true, lease.source, batch.committed_frames, total_frames);
        self.member.learn(&mut self.vector, rate)
    }

    /// Encodes what was learned. The suggested τ is rounded to a whole number.
    pub(super) fn encode(&mut self, encoding: &Encoding) -> Result<Encoded, Error> {
        self.coded = self.member.contribute(encoding, &self.vector, from_ref(&RANGE))?;
        let encoded = Encoded::from(&self.coded);
        let suggested_tau = if encoded.suggested_tau > 0.0 { TAU } else { 0.0 };
        Ok(Encoded { suggested_tau, ..encoded })
    }

    /// The payload of the encoded contribution.
    pub(super) fn payload(&self) -> Option<&Bytes> {
        self.coded.payloads.first()
    }

    /// Applies a round's sum. `counted`: whether it actually contains this member's contribution.
    pub(super) fn apply(
        &mut self,
        apply: &Apply,
        sum: &[u8],
        counted: bool,
    ) -> Result<Option<BlockStep>, Error> {
        let before = self.filter();
        let &Apply { encoding, frames, .. } = apply;
        let rate = Rate { base: 1.0, multiplier: 1.0 };
        let sums = [(RANGE, sum)];
        if counted {
            self.keep_book(&encoding);
        }
        let update = Update { encoding, sums: &sums, counted: apply.counted, frames, rate };
        self.member.apply(&update, &mut self.vector)?;
        match (before, self.filter()) {
            (Some(before), Some(after)) if encoding.is_block() && !sum.is_empty() => {
                Ok(Some(BlockStep { before, mean: decode_dense(sum, VALUES)?, after }))
            }
            _ => Ok(None),
        }
    }

    /// The block filter, in the strategies that have one.
    fn filter(&self) -> Option<BlockParts> {
        let shared = self.member.shared();
        let delta = shared.vectors.into_values().next()?;
        let look_ahead_eta = shared.numbers.into_values().next()?;
        Some(BlockParts { w: self.deployed().to_vec(), delta, look_ahead_eta })
    }

    /// The residual after a contribution that counted: the whole vector was sent, or ±τ for each value that reaches τ.
    fn keep_book(&mut self, encoding: &Encoding) {
        let Some(book) = &mut self.book else { return };
        for (kept, gradient) in book.iter_mut().zip(&self.vector.gradient) {
            let all = *kept + gradient;
            *kept = match encoding {
                Encoding::Threshold { tau, .. } if all.abs() >= *tau => all - tau * all.signum(),
                Encoding::Threshold { .. } => all,
                Encoding::Dense { .. } => 0.0,
                Encoding::Block { .. } => *kept,
            };
        }
    }
}
