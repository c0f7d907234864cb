//! A checkpoint restores a replica bit for bit: the state of what is done after updates, buffers, and the numbers of dropout and masks.

use super::*;
use crate::reducers::RangeSum;
use bytes::Bytes;
use std::sync::{Arc, Mutex};
use stentor_acoustic::random::Stream;
use stentor_acoustic::{
    AcousticModel, Batch, Chunk, Device, Error as Acoustic, Labels, ModelShape, NamedSlice, Outputs,
    ParameterVector, Pass, StreamState, Tensor, build,
};
use stentor_exchange::strategy::Rate;
use stentor_exchange::{Deltas, Encoding, Reducer, digest_f32};
use stentor_experiment::{Experiment, Source, Strategy};
use stentor_inventory::SenoneId;
use stentor_plan::Lease;

const INPUTS: usize = 4;
const SENONES: usize = 5;
const ROUNDS: u32 = 6;
/// Rounds before the checkpoint; with two tiers a block ends there.
const SAVED: u32 = 3;

/// From the second update on, half of the values are zero: those that were the smallest then.
#[derive(Default)]
struct Mask {
    updates: f64,
    /// 1 for a value that stays, else 0; empty before the second update.
    kept: Vec<f32>,
}

impl AfterApply for Mask {
    fn name(&self) -> &'static str {
        "mask"
    }

    fn advance(&mut self, parameters: &[f32]) -> Result<(), Acoustic> {
        self.updates += 1.0;
        if self.updates == 2.0 {
            let mut order: Vec<usize> = (0..parameters.len()).collect();
            order.sort_by(|&a, &b| parameters[a].abs().total_cmp(&parameters[b].abs()).then(a.cmp(&b)));
            self.kept = vec![1.0; parameters.len()];
            order[..parameters.len() / 2].iter().for_each(|&place| self.kept[place] = 0.0);
        }
        Ok(())
    }

    fn project(&self, parameters: &mut [f32]) {
        parameters.iter_mut().zip(&self.kept).for_each(|(value, kept)| *value *= kept);
    }

    fn state(&self) -> AfterApplyState {
        let kept = Some(self.kept.clone()).filter(|kept| !kept.is_empty());
        AfterApplyState {
            vectors: kept.into_iter().map(|kept| ("kept".to_owned(), kept)).collect(),
            numbers: [("updates".to_owned(), self.updates)].into(),
        }
    }

    fn load_state(&mut self, state: &AfterApplyState) -> Result<(), Acoustic> {
        self.kept = state.vectors.get("kept").cloned().unwrap_or_default();
        self.updates = state.numbers.get("updates").copied().unwrap_or_default();
        Ok(())
    }
}

/// Rounds every value to a multiple of 2⁻⁸.
struct Grid;

const CELL: f32 = 1.0 / 256.0;

impl AfterApply for Grid {
    fn name(&self) -> &'static str {
        "grid"
    }

    fn advance(&mut self, _parameters: &[f32]) -> Result<(), Acoustic> {
        Ok(())
    }

    fn project(&self, parameters: &mut [f32]) {
        parameters.iter_mut().for_each(|value| *value = (*value / CELL).round() * CELL);
    }

    fn state(&self) -> AfterApplyState {
        AfterApplyState::default()
    }

    fn load_state(&mut self, _state: &AfterApplyState) -> Result<(), Acoustic> {
        Ok(())
    }
}

fn experiment(strategy: Strategy) -> Arc<Experiment> {
    let text = format!(
        "[run]\nname = \"w\"\noutput = \"o\"\n[data]\nannotated = \"a\"\n[model]\nlayers = 2\nwidth = 8\ndropout = 0.25\n\
         [augment]\ntime_masks = 1\ntime_width = 4\ntime_share = 0.4\n[cluster]\nworkers = 4\n[exchange]\nstrategy = \"{}\"\n[exchange.bmuf]\nmoments = \"reset\"\n",
        strategy.name()
    );
    Arc::new(Experiment::parse(&text).unwrap())
}

fn shape(experiment: &Experiment) -> ModelShape {
    ModelShape::new(&experiment.model.architecture, INPUTS, SENONES).unwrap()
}

fn replica(experiment: &Arc<Experiment>, after_apply: Vec<Box<dyn AfterApply>>) -> Replica {
    let model = build(&shape(experiment), 1, Device::Cpu).unwrap();
    Replica::with(model, experiment, experiment.exchange.strategy, after_apply)
}

/// The encoding of round `round`: signs after a first round of whole vectors; with two tiers, a group exchange in every third
/// round.
fn encoding(strategy: Strategy, round: u32) -> Encoding {
    let block = Encoding::Block { momentum: 0.5, learning_rate: 1.0, deltas: Deltas::Model, density: 0.0 };
    match strategy {
        Strategy::Bmuf => block,
        Strategy::TwoTier if round % SAVED == SAVED - 1 => block,
        Strategy::Gtc | Strategy::TwoTier if round > 0 => {
            Encoding::Threshold { tau: 1.0 / 1024.0, density: 0.0 }
        }
        _ => Encoding::Dense { density: 0.0 },
    }
}

const RATE: Rate = Rate { base: 0.01, multiplier: 1.0 };

/// Learns the batch of a round, and returns the digest of its gradient.
fn learn(replica: &mut Replica, round: u32) -> u64 {
    let stream = Stream::new(u64::from(round), "batch");
    let features: Vec<f32> = (0..10 * INPUTS as u64).map(|n| stream.uniform(n, 1.7)).collect();
    let labels = SenoneId::list((0..10).map(|n| (n + round as u16) % SENONES as u16));
    let chunk = Chunk { features: &features, left: 0, right: 0, labels: Labels::Hard(&labels) };
    let sizes = replica.trainer.model.frames();
    let batch = Batch::pack(&[chunk], sizes, Device::Cpu).unwrap();
    let lease = Lease { source: Source::Annotated, pass: 0, unit: 3, first_batch: round, batches: 1 };
    let (score, _) = replica.learn(&batch, &lease, RATE).unwrap();
    assert!(score.is_finite());
    replica.parameters().with_host_gradient(digest_f32)
}

/// Trains rounds of a run with one worker; returns the digest of the parameters to deploy after each.
fn train(replica: &mut Replica, strategy: Strategy, rounds: std::ops::Range<u32>) -> Vec<u64> {
    let digests = rounds.map(|round| {
        let (len, encoding) = (replica.len(), encoding(strategy, round));
        replica.begin(strategy, &encoding).unwrap();
        if !(strategy == Strategy::TwoTier && encoding.is_block()) {
            learn(replica, round);
        }
        let whole: Vec<_> = std::iter::once(0..len).collect();
        let coded = replica.contribute(&encoding, &whole).unwrap();
        let weights = stentor_experiment::BmufWeights::Frames;
        let mut reducer = Reducer::new(&encoding.summation(weights).unwrap(), len);
        reducer.add(0, 10, &coded.payloads[0]).unwrap();
        let sum = RangeSum::whole(len, Bytes::from(reducer.finish().unwrap().payload));
        replica.apply(encoding, &[sum], true, 10, RATE).unwrap();
        digest_f32(&replica.deployed())
    });
    digests.collect()
}

/// The objects that are written for a replica.
fn saved(replica: &Replica) -> [Bytes; 3] {
    [model(replica), replicated(replica), own(replica)].map(|file| file.to_bytes().unwrap())
}

fn restore(replica: &mut Replica, saved: &[Bytes; 3]) {
    let [model, shared, own] = saved.each_ref().map(|bytes| TensorFile::from_bytes(bytes).unwrap());
    restore_model(replica, &model).unwrap();
    restore_shared(replica, shared).unwrap();
    restore_own(replica, &own).unwrap();
}

#[test]
fn a_mask_and_a_quantiser_hold_after_every_update_and_survive_a_checkpoint_and_a_replay() {
    stentor_acoustic::set_threads(1).unwrap();
    let hooks = || -> Vec<Box<dyn AfterApply>> { vec![Box::new(Mask::default()), Box::new(Grid)] };
    for strategy in [Strategy::Dense, Strategy::Gtc, Strategy::Bmuf, Strategy::TwoTier] {
        let experiment = experiment(strategy);
        let mut whole = replica(&experiment, hooks());
        let digests = train(&mut whole, strategy, 0..ROUNDS);
        let deployed = whole.deployed();
        let zeros = deployed.iter().filter(|&&value| value == 0.0).count();
        // With two tiers the second update of all replicas is that of the last block.
        assert!(zeros >= deployed.len() / 2, "{strategy:?}: {zeros} of {}", deployed.len());
        assert!(deployed.iter().all(|value| (value / CELL).fract() == 0.0), "{strategy:?}");
        whole.parameters().with_host(|values| {
            assert!(values.iter().all(|value| (value / CELL).fract() == 0.0), "{strategy:?}");
        });

        let mut first = replica(&experiment, hooks());
        train(&mut first, strategy, 0..SAVED);
        let saved = saved(&first);
        let mut second = replica(&experiment, hooks());
        restore(&mut second, &saved);
        assert_eq!(train(&mut second, strategy, SAVED..ROUNDS), digests[SAVED as usize..], "{strategy:?}");

        // A replay computes the batch after the checkpoint by itself.
        let mut replayed = replica(&experiment, hooks());
        restore(&mut replayed, &saved);
        for replica in [&mut first, &mut replayed] {
            replica.begin(strategy, &encoding(strategy, SAVED)).unwrap();
        }
        assert_eq!(first.digest(), replayed.digest(), "{strategy:?}");
        assert_eq!(learn(&mut first, SAVED), learn(&mut replayed, SAVED), "{strategy:?}");
    }
}

#[test]
fn a_run_in_which_nothing_is_done_after_updates_writes_nothing_about_it() {
    let experiment = experiment(Strategy::Dense);
    let mut plain = replica(&experiment, Vec::new());
    train(&mut plain, Strategy::Dense, 0..2);
    let names = |file: TensorFile| -> Vec<String> {
        file.tensors.into_keys().chain(file.metadata.into_keys()).collect()
    };
    assert!(names(replicated(&plain)).iter().all(|name| name.starts_with("optimizer.")));
    let mut masked = replica(&experiment, vec![Box::new(Mask::default())]);
    train(&mut masked, Strategy::Dense, 0..2);
    let names = names(replicated(&masked));
    for name in ["after_apply.mask.kept", "after_apply.mask.updates"] {
        assert!(names.iter().any(|found| found == name), "{name} in {names:?}");
    }
}

#[test]
fn what_a_batch_drops_and_masks_follows_from_its_place_in_the_plan_alone() {
    let experiment = experiment(Strategy::Dense);
    let [mut one, mut other] = [(), ()].map(|()| replica(&experiment, Vec::new()));
    let first = learn(&mut one, 0);
    learn(&mut one, 1);
    // The result does not depend on what was computed before.
    assert_eq!(learn(&mut one, 0), first);
    assert_eq!(learn(&mut other, 0), first);
    for part in ["dropout = 0.25\n", "time_masks = 1\n"] {
        let text = experiment.to_toml();
        assert!(text.contains(part), "{text}");
        let without = Arc::new(Experiment::parse(&text.replace(part, "")).unwrap());
        assert!((0..4).any(|round| {
            let [with, without] =
                [&experiment, &without].map(|one| learn(&mut replica(one, Vec::new()), round));
            with != without
        }));
    }
}

/// An LSTM with a buffer.
struct Buffered {
    model: Box<dyn AcousticModel>,
    buffer: Mutex<Vec<f32>>,
}

impl AcousticModel for Buffered {
    fn shape(&self) -> &ModelShape {
        self.model.shape()
    }

    fn parameters(&self) -> &ParameterVector {
        self.model.parameters()
    }

    fn streams(&self) -> bool {
        self.model.streams()
    }

    fn values_per_frame(&self) -> usize {
        self.model.values_per_frame()
    }

    fn buffers(&self) -> Vec<NamedValues> {
        let values = self.buffer.lock().unwrap().clone();
        vec![NamedValues { name: "range".to_owned(), shape: vec![values.len()], values }]
    }

    fn load_buffers(&self, buffers: &[NamedSlice<'_>]) -> Result<(), Acoustic> {
        let [("range", _, values)] = *buffers else {
            return Err(Acoustic::MissingParameter { name: "range".to_owned() });
        };
        *self.buffer.lock().unwrap() = values.to_vec();
        Ok(())
    }

    fn forward_with(&self, features: &Tensor, lengths: &[i64], pass: Pass) -> Result<Outputs, Acoustic> {
        self.model.forward_with(features, lengths, pass)
    }

    fn top_layer(&self, features: &Tensor, lengths: &[i64]) -> Result<Tensor, Acoustic> {
        self.model.top_layer(features, lengths)
    }

    fn logits(&self, top_layer: &Tensor) -> Result<Tensor, Acoustic> {
        self.model.logits(top_layer)
    }

    fn share(&self) -> Result<Box<dyn AcousticModel>, Acoustic> {
        self.model.share()
    }

    fn start_stream(&self, batch: usize) -> Result<StreamState, Acoustic> {
        self.model.start_stream(batch)
    }

    fn stream(&self, features: &Tensor, state: &mut StreamState) -> Result<Tensor, Acoustic> {
        self.model.stream(features, state)
    }
}

#[test]
fn a_model_s_buffers_are_written_beside_its_parameters_and_come_back() {
    let experiment = experiment(Strategy::Dense);
    let buffered = |values: [f32; 2]| {
        let model = build(&shape(&experiment), 1, Device::Cpu).unwrap();
        let model = Buffered { model, buffer: Mutex::new(values.to_vec()) };
        Replica::new(Box::new(model), &experiment, Strategy::Dense)
    };
    let saved = saved(&buffered([0.25, 4.0]));
    let mut restored = buffered([0.0, 0.0]);
    restore(&mut restored, &saved);
    assert_eq!(restored.trainer.model.buffers()[0].values, [0.25, 4.0]);
    // A model of a family without that buffer refuses the file, as one with it refuses a file without it.
    let plain = replica(&experiment, Vec::new());
    let file = TensorFile::from_bytes(&saved[0]).unwrap();
    let error = restore_model(&plain, &file).unwrap_err().to_string();
    assert!(error.contains("`range` is unknown to this model"), "{error}");
    let error = restore_model(&restored, &model(&plain)).unwrap_err().to_string();
    assert!(error.contains("`range` is missing"), "{error}");
}
