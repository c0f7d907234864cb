//! Rounds with the real state machine, its plan and thresholds, the real replicas, codec and sum; only the gradients
//! are generated.

use super::*;
use crate::reducers::RangeSum;
use bytes::Bytes;
use std::collections::BTreeMap;
use stentor_acoustic::{Device, ModelShape};
use stentor_exchange::{Reducer, decode_dense};
use stentor_plan::{Catalogue, Plan, RowGroup};
use stentor_rounds::{Action, Arrival, Assignment, Closing, Core, Input, Settings};
use stentor_scores::frame_sums;

const MULTIPLIER: f64 = 2.0;
const RATE: f64 = 1e-3;

fn experiment(sections: &str) -> Arc<Experiment> {
    let text = format!(
        "[run]\nname = \"w\"\noutput = \"o\"\n[data]\nannotated = \"a\"\nunannotated = \"u\"\nlabels = \"l\"\n\
         [model]\nlayers = 1\nwidth = 16\n[batch]\nchunk_frames = 10\nleft_context = 0\nchunks = 1\n\
         [cluster]\nworkers = 2\ndigest_every = 8\n[checkpoint]\ncount = 1\n{sections}"
    );
    Arc::new(Experiment::parse(&text).unwrap())
}

/// The schedule section followed by `sections`: a constant rate, a fifth of the frames annotated.
fn scheduled(interleave: &str, sections: &str) -> Arc<Experiment> {
    experiment(&format!(
        "[schedule]\npasses = 1\nannotated_passes = 1\ninterleave = \"{interleave}\"\nlearning_rate = {RATE}\n\
         final_fraction = 1.0\nwarmup_fraction = 0.0\nannotated_multiplier = {MULTIPLIER}\n{sections}"
    ))
}

fn replica(experiment: &Arc<Experiment>) -> Replica {
    let shape = ModelShape::new(&experiment.model.architecture, 8, 9).unwrap();
    let model = stentor_acoustic::build(&shape, 1, Device::Cpu).unwrap();
    Replica::new(model, experiment, experiment.exchange.strategy)
}

/// One range that covers everything, for one reducer.
fn everything(replica: &Replica) -> Vec<Range<usize>> {
    std::iter::once(0..replica.len()).collect()
}

/// Gradients whose mean is in every other value, depending on the source, with noise of three times the size.
fn fill(source: Source, round: u64, slot: u32, gradient: &mut [f32]) {
    let mut random = stentor_random::SplitMix64::new(round * 2 + u64::from(slot) + 1);
    for (n, value) in gradient.iter_mut().enumerate() {
        // The sum of four 16-bit numbers is roughly normal.
        let mixed = random.next_u64();
        let bell: f32 = (0..4).map(|k| f32::from((mixed >> (16 * k)) as u16) / 65_535.0 - 0.5).sum();
        let own = is_annotated(n) == (source == Source::Annotated);
        // The sum of four uniform numbers has a deviation of 0.577.
        *value = f32::from(own) * sign(n) + 3.0 / 0.577 * bell;
    }
}

fn is_annotated(place: usize) -> bool {
    place.is_multiple_of(2)
}

fn sign(place: usize) -> f32 {
    if place % 4 < 2 { 1.0 } else { -1.0 }
}

/// Mean distance by which the values of a source moved against the mean of its gradients.
fn moved(before: &[f32], after: &[f32], annotated: bool) -> f64 {
    let places = (0..before.len()).filter(|&place| is_annotated(place) == annotated);
    let (sum, count) = places.fold((0.0, 0.0), |(sum, count), place| {
        (sum - f64::from((after[place] - before[place]) * sign(place)), count + 1.0)
    });
    sum / count
}

/// A run of two workers from start to end.
struct Run {
    experiment: Arc<Experiment>,
    core: Core,
    replicas: Vec<Replica>,
    identities: BTreeMap<u32, String>,
    assignments: BTreeMap<u32, Assignment>,
    /// Closed rounds of each source.
    rounds: BTreeMap<Source, u64>,
    values_sent: u64,
    thresholds: BTreeMap<Source, Vec<f32>>,
}

/// A member's contribution to a round.
struct Brought {
    frames: u64,
    payload: Bytes,
}

impl Run {
    fn new(experiment: Arc<Experiment>) -> Self {
        let catalogue = |groups| Catalogue {
            row_groups: (0..groups).map(|_| RowGroup { frames: 1000, utterances: 2 }).collect(),
        };
        let (batch, schedule) = (&experiment.batch, &experiment.schedule);
        let plan = Plan::new(catalogue(18), Some(catalogue(72)), batch, schedule, 7).unwrap();
        let parameters = replica(&experiment).len();
        let experiment_of_run = (*experiment).clone();
        let settings = Settings {
            experiment: experiment_of_run,
            plan,
            parameters,
            has_dev: false,
            dev_frames: 0,
            first_lineage: 1000,
        };
        let mut core = Core::new(settings, None, 0);
        let (mut identities, mut assignments) = (BTreeMap::new(), BTreeMap::new());
        let names = ["a", "b"];
        for (session, identity) in (0u64..).zip(names) {
            for action in core.step(0, Input::Join { session, identity: identity.into() }) {
                let Action::Admit { session, assignment, .. } = action else { continue };
                identities.insert(assignment.slot, names[session as usize].to_owned());
                assignments.insert(assignment.slot, assignment);
            }
        }
        Self {
            replicas: names.iter().map(|_| replica(&experiment)).collect(),
            experiment,
            core,
            identities,
            assignments,
            rounds: BTreeMap::new(),
            values_sent: 0,
            thresholds: BTreeMap::new(),
        }
    }

    fn rate(&self, source: Source, assignment: &Assignment) -> Rate {
        let Assignment { committed_frames, total_frames, .. } = *assignment;
        Rate::at(&self.experiment.schedule, true, source, committed_frames, total_frames)
    }

    /// Runs to the end; returns the first replica's parameters before and after.
    fn train(&mut self) -> (Vec<f32>, Vec<f32>) {
        let before = self.replicas[0].parameters().to_host();
        while !self.assignments.is_empty() {
            self.round();
        }
        let [first, second] = [0, 1].map(|replica| self.replicas[replica].parameters().to_host());
        assert_eq!(first, second);
        (before, first)
    }

    fn round(&mut self) {
        let assignments = std::mem::take(&mut self.assignments);
        let mut closing = None;
        let mut brought = BTreeMap::new();
        for (&slot, assignment) in &assignments {
            let (contribution, actions) = self.contribute(slot, assignment);
            brought.insert(slot, contribution);
            for action in actions {
                match action {
                    Action::Close(closed) => closing = Some(closed),
                    Action::Refuse { reason, .. } => panic!("{reason}"),
                    _ => {}
                }
            }
        }
        let Closing { source, encoding, next, .. } = closing.expect("all have contributed");
        let summation = encoding.summation(self.experiment.exchange.bmuf.weights).unwrap();
        let mut reducer = Reducer::new(&summation, self.replicas[0].len());
        for (slot, Brought { frames, payload }) in &brought {
            reducer.add(*slot, *frames, payload).unwrap();
        }
        let payload = Bytes::from(reducer.finish().unwrap().payload);
        for (slot, next) in next {
            let counted = brought[&slot].frames > 0;
            let rate = self.rate(source, &assignments[&slot]);
            let sum = RangeSum::whole(self.replicas[0].len(), payload.clone());
            let replica = &mut self.replicas[slot as usize];
            replica.apply(encoding, &[sum], counted, next.frames, rate).unwrap();
            next.assignment.into_iter().for_each(|next| drop(self.assignments.insert(slot, next)));
        }
        *self.rounds.entry(source).or_default() += 1;
        if let Encoding::Threshold { tau, .. } = encoding {
            self.thresholds.entry(source).or_default().push(tau);
        }
    }

    fn contribute(&mut self, slot: u32, assignment: &Assignment) -> (Brought, Vec<Action>) {
        let encoding = assignment.encoding;
        let rate = assignment.leases.first().map(|lease| (lease.source, self.rate(lease.source, assignment)));
        let replica = &mut self.replicas[slot as usize];
        replica.begin(assignment.strategy, &encoding).unwrap();
        let parameters_digest = assignment.digest.then(|| replica.digest());
        let mut coded = Coded::default();
        if let Some((source, rate)) = rate {
            let round = assignment.fence.round;
            replica.pretend(|gradient| fill(source, round, slot, gradient), rate).unwrap();
            coded = replica.contribute(&encoding, &everything(replica)).unwrap();
        }
        self.values_sent += coded.values_sent;
        let frames = if rate.is_some() { 10 } else { 0 };
        let identity = self.identities[&slot].clone();
        let arrival = Arrival {
            fence: assignment.fence,
            identity: identity.clone(),
            slot,
            frames,
            sums: frame_sums(frames, 1.0, 0),
            by_source: BTreeMap::new(),
            gradient_norm: 1.0,
            suggested_tau: coded.suggested_tau,
            values_sent: coded.values_sent,
            residual_norm: coded.residual_norm,
            payload_bytes: coded.bytes(),
            parameters_digest,
            update_digest: None,
            compute_s: 0.0,
            leaving: false,
        };
        let mut actions = self.core.step(0, Input::Arrived(arrival));
        actions.extend(self.core.step(0, Input::Staged { fence: assignment.fence, identity, slot }));
        let payload = coded.payloads.into_iter().next().unwrap_or_default();
        (Brought { frames, payload }, actions)
    }
}

const SGD: &str = "[optimizer]\nkind = \"sgd\"\n";

#[test]
fn annotated_gradients_move_a_model_by_gtc_as_far_as_by_dense_at_10_and_at_1_percent() {
    for interleave in ["batch", "sub-epoch"] {
        let mut dense = Run::new(scheduled(interleave, SGD));
        let (before, after) = dense.train();
        let by_dense = [true, false].map(|annotated| moved(&before, &after, annotated));
        let expected = dense.rounds[&Source::Annotated] as f64 * RATE * MULTIPLIER;
        assert!((by_dense[0] / expected - 1.0).abs() < 0.02, "{by_dense:?} against {expected}");
        for density in [0.1, 0.01] {
            let gtc = format!(
                "{SGD}[exchange]\nstrategy = \"gtc\"\n[exchange.gtc]\ndensity = {density}\nwarmup_dense = 0.0\n\
                 warmup_falling = 0.0\n"
            );
            let mut run = Run::new(scheduled(interleave, &gtc));
            let (before, after) = run.train();
            let by_gtc = [true, false].map(|annotated| moved(&before, &after, annotated));
            let values = (2 * before.len()) as f64 * run.rounds.values().sum::<u64>() as f64;
            let sent = run.values_sent as f64 / values;
            let ratios = [by_gtc[0] / by_dense[0], by_gtc[1] / by_dense[1]];
            println!("{interleave}, {density}: {ratios:?} of dense, {:.2} % sent", 100.0 * sent);
            assert!((sent / density - 1.0).abs() < 0.2, "{sent} sent, {density} asked for");
            for ratio in ratios {
                assert!((ratio - 1.0).abs() < 0.02, "{interleave}, {density}: {ratios:?} of dense");
            }
        }
    }
}

#[test]
fn each_source_has_a_threshold_of_its_own() {
    let gtc = format!(
        "{SGD}[exchange]\nstrategy = \"gtc\"\n[exchange.gtc]\ndensity = 0.4\nwarmup_dense = 0.0\nwarmup_falling = 0.0\n"
    );
    let mut run = Run::new(scheduled("batch", &gtc));
    let _ = run.train();
    // Only the first round sends whole vectors, because no threshold is known yet.
    let thresholds: usize = run.thresholds.values().map(Vec::len).sum();
    assert_eq!(thresholds as u64 + 1, run.rounds.values().sum::<u64>());
    let median = |source| {
        let mut thresholds = run.thresholds[&source].clone();
        thresholds.sort_by(f32::total_cmp);
        thresholds[thresholds.len() / 2]
    };
    let [annotated, machine_labeled] = Source::ALL.map(median);
    assert!(annotated > 1.2 * machine_labeled, "{annotated} and {machine_labeled}");
}

/// The value that a member sends for a gradient of ones in a dense round, for each source.
fn sent(sections: &str) -> [f32; 2] {
    let experiment = scheduled("batch", sections);
    Source::ALL.map(|source| {
        let mut replica = replica(&experiment);
        let whole = Encoding::Dense { density: 0.0 };
        replica.begin(experiment.exchange.strategy, &whole).unwrap();
        let rate = Rate::at(&experiment.schedule, true, source, 0, 1);
        replica.pretend(|gradient| gradient.fill(1.0), rate).unwrap();
        let len = replica.len();
        let coded = replica.contribute(&whole, &everything(&replica)).unwrap();
        decode_dense(&coded.payloads[0], len).unwrap()[len / 2]
    })
}

#[test]
fn the_multiplier_goes_into_gradients_that_sgd_takes_after_a_threshold_and_into_no_others() {
    let gtc = |optimizer: &str| {
        format!(
            "[optimizer]\nkind = \"{optimizer}\"\n[exchange]\nstrategy = \"gtc\"\n[exchange.gtc]\napply = \"gradient\"\n"
        )
    };
    assert_eq!(sent(&gtc("sgd")), [2.0, 1.0]);
    // Adam would divide the factor out again.
    assert_eq!(sent(&gtc("adam")), [1.0, 1.0]);
    assert_eq!(sent(SGD), [1.0, 1.0]);
}
