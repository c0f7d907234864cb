//! An objective receives the inputs that it needs: inner layers, a teacher, weights, whole utterances.

use super::*;
use crate::batch::{Chunk, Labels, Utterance, utterance_batches};
use crate::families::{build, load};
use crate::masks::Masks;
use crate::objective::{HardLabels, Needs, annotated_objective};
use crate::optimizer::{Adam, Optimizer};
use crate::parameters::NamedValues;
use crate::pass::InnerLayers;
use crate::random::Stream;
use crate::shape::ModelShape;
use stentor_experiment::{Augment, Lstm};
use stentor_inventory::SenoneId;
use tch::{Device, Kind, Tensor};

const INPUTS: usize = 3;
const SENONES: usize = 4;
const LENGTHS: [usize; 5] = [9, 4, 1, 6, 9];

fn model(seed: u64, bidirectional: bool) -> Box<dyn AcousticModel> {
    let lstm = Lstm { layers: 2, width: 8, bidirectional, ..Lstm::default() };
    build(&ModelShape::new(&lstm.into(), INPUTS, SENONES).unwrap(), seed, Device::Cpu).unwrap()
}

/// A model with the same parameters, for inference only.
fn frozen(model: &dyn AcousticModel) -> Box<dyn AcousticModel> {
    let tensors = model.parameters().tensors();
    load(model.shape(), tensors.iter().map(NamedValues::as_slices), Device::Cpu).unwrap()
}

fn features() -> Vec<Vec<f32>> {
    let stream = Stream::new(1, "utterances");
    let noise = |u: usize, n: usize| stream.uniform((u * 1000 + n) as u64, 1.7);
    LENGTHS.iter().enumerate().map(|(u, &len)| (0..len * INPUTS).map(|n| noise(u, n)).collect()).collect()
}

fn labels() -> Vec<Vec<SenoneId>> {
    LENGTHS.iter().map(|&len| SenoneId::list((0..len).map(|n| (n * 3 % SENONES) as u16))).collect()
}

/// Packs these utterances into a batch.
fn batch(chosen: &[usize], model: &dyn AcousticModel) -> Batch {
    let (features, labels) = (features(), labels());
    let utterance = |&u: &usize| Utterance { features: &features[u], labels: Labels::Hard(&labels[u]) };
    let utterances: Vec<Utterance<'_>> = chosen.iter().map(utterance).collect();
    Batch::pack_utterances(&utterances, model.frames(), Device::Cpu).unwrap()
}

/// Pulls every inner layer towards the teacher's, and keeps weights small.
struct Imitation {
    penalty: f64,
}

impl Objective for Imitation {
    fn name(&self) -> &'static str {
        "imitation"
    }

    fn needs(&self) -> Needs {
        Needs {
            inner_layers: InnerLayers::Keep,
            teacher: true,
            weights: self.penalty > 0.0,
            ..Needs::default()
        }
    }

    fn loss(&self, given: &Given<'_>) -> Result<Loss, Error> {
        let teacher = given.teacher(self.name())?;
        assert!(teacher.hidden.iter().all(|layer| !layer.requires_grad()));
        let mask = given.targets.mask.unsqueeze(-1);
        let mut sum = Tensor::zeros([], (Kind::Float, Device::Cpu));
        for (own, other) in given.outputs.hidden.iter().zip(&teacher.hidden) {
            sum += ((own - other).square() * &mask).sum(Kind::Float);
        }
        let frames = given.targets.mask.sum(Kind::Double).double_value(&[]) as i64;
        let penalty = match self.penalty > 0.0 {
            true => {
                let squares =
                    given.weights(self.name())?.views().iter().map(|view| view.square().sum(Kind::Float));
                squares.reduce(|a, b| a + b).map(|sum| sum * self.penalty)
            }
            false => None,
        };
        Ok(Loss { sum, unit: LossUnit::Frame, units: frames, frames, correct: 0, penalty })
    }
}

/// The loss of hard labels summed over sequences, which needs whole utterances.
struct BySequence;

impl Objective for BySequence {
    fn name(&self) -> &'static str {
        "by sequence"
    }

    fn needs(&self) -> Needs {
        Needs { whole_utterances: true, ..Needs::default() }
    }

    fn loss(&self, given: &Given<'_>) -> Result<Loss, Error> {
        let units = given.lengths.len() as i64;
        Ok(Loss { unit: LossUnit::Sequence, units, ..HardLabels.loss(given)? })
    }
}

#[test]
fn a_student_learns_to_imitate_its_teacher_s_inner_layers() {
    let (student, teacher) = (model(1, false), frozen(model(2, false).as_ref()));
    let conditions = Conditions { teacher: Some(teacher.as_ref()), ..Conditions::default() };
    let batch = batch(&[0, 1, 2, 3, 4], student.as_ref());
    let mut optimizer = Adam::new(0.9, 0.999, 1e-8, student.parameters().len(), Device::Cpu);
    let mut losses = Vec::new();
    for _ in 0..150 {
        let score =
            mean_gradient(student.as_ref(), &batch, &Imitation { penalty: 0.0 }, &conditions).unwrap();
        losses.push(score.mean_loss());
        let step = optimizer.update(student.parameters().gradient(), 0.02).unwrap();
        student.parameters().add(&step).unwrap();
    }
    assert!(losses[149] < 0.2 * losses[0], "{} {}", losses[0], losses[149]);
    let itself = frozen(student.as_ref());
    let conditions = Conditions { teacher: Some(itself.as_ref()), ..Conditions::default() };
    let score = mean_gradient(student.as_ref(), &batch, &Imitation { penalty: 0.0 }, &conditions).unwrap();
    assert_eq!((score.loss, score.penalty), (0.0, 0.0));
    // The teacher sees what is masked.
    let augment = Augment { time_masks: 2, time_width: 9, time_share: 1.0, ..Augment::default() };
    let conditions = Conditions { masks: Masks::new(augment, 3, Stream::new(1, "masks")), ..conditions };
    let score = mean_gradient(student.as_ref(), &batch, &Imitation { penalty: 0.0 }, &conditions).unwrap();
    assert!(score.loss > 0.0);
}

#[test]
fn a_penalty_on_weights_is_added_once_to_a_batch_of_any_size_and_reported_separately() {
    let (student, teacher) = (model(1, false), frozen(model(2, false).as_ref()));
    let conditions = Conditions { teacher: Some(teacher.as_ref()), ..Conditions::default() };
    let run = |chosen: &[usize], penalty| {
        let batch = batch(chosen, student.as_ref());
        let score = mean_gradient(student.as_ref(), &batch, &Imitation { penalty }, &conditions).unwrap();
        (score, student.parameters().gradient_host())
    };
    let weights = student.parameters().to_host();
    let squares: f64 = weights.iter().map(|&w| f64::from(w).powi(2)).sum();
    for chosen in [&[2][..], &[0, 1, 3]] {
        let ((plain, without), (score, with)) = (run(chosen, 0.0), run(chosen, 0.1));
        assert_eq!((score.loss, score.frames, plain.penalty), (plain.loss, plain.frames, 0.0));
        assert!((score.penalty / (0.1 * squares) - 1.0).abs() < 1e-5, "{} {squares}", score.penalty);
        for ((with, without), weight) in with.iter().zip(&without).zip(&weights) {
            assert!((with - without - 0.2 * weight).abs() < 1e-5, "{with} {without} {weight}");
        }
    }
}

#[test]
fn an_l2_penalty_pulls_every_matrix_towards_zero_and_leaves_biases_and_the_loss_alone() {
    let student = model(1, false);
    let batch = batch(&[0, 2, 3], student.as_ref());
    let run = |l2| {
        let settings = stentor_experiment::Objective { l2, ..Default::default() };
        let objective = annotated_objective(&settings);
        let score =
            mean_gradient(student.as_ref(), &batch, objective.as_ref(), &Conditions::default()).unwrap();
        (score, student.parameters().gradient().copy())
    };
    let ((plain, without), (score, with)) = (run(0.0), run(0.5));
    assert_eq!((score.loss, score.frames, score.correct), (plain.loss, plain.frames, plain.correct));
    let mut squares = 0.0;
    let values = student.parameters().values();
    for slot in student.parameters().slots() {
        let part = |vector: &Tensor| vector.narrow(0, slot.offset as i64, slot.len as i64).detach();
        let pull = part(&with) - part(&without);
        let expected = if slot.shape.len() > 1 { part(values) * 0.5 } else { part(values) * 0.0 };
        let furthest = (pull - expected).abs().max().double_value(&[]);
        assert!(furthest < 1e-6, "{}: {furthest}", slot.name);
        if slot.shape.len() > 1 {
            squares += part(values).square().sum(Kind::Double).double_value(&[]);
        }
    }
    assert_eq!(plain.penalty, 0.0);
    assert!((score.penalty / (0.25 * squares) - 1.0).abs() < 1e-5, "{} {squares}", score.penalty);
}

#[test]
fn a_penalty_that_is_not_finite_makes_a_batch_unusable() {
    let score = Score { penalty: f64::NAN, ..Score::NO_FRAMES };
    assert!(!score.is_finite() && Score::NO_FRAMES.is_finite());
}

#[test]
fn the_gradient_of_utterances_in_bounded_batches_is_the_sum_of_their_single_gradients() {
    let objectives: [&dyn Objective; 2] = [&HardLabels, &BySequence];
    for bidirectional in [false, true] {
        let model = model(1, bidirectional);
        // Sums over all utterances: each batch's mean times its number of units.
        let total = |objective: &dyn Objective, batches: &[Vec<usize>]| {
            let (mut gradient, mut loss, mut units) = (vec![0f64; model.parameters().len()], 0.0, 0);
            for chosen in batches {
                let batch = batch(chosen, model.as_ref());
                assert!(batch.features.size()[0] * batch.features.size()[1] <= 18, "padding included");
                let score = mean_gradient(model.as_ref(), &batch, objective, &Conditions::default()).unwrap();
                let mean = model.parameters().gradient_host();
                let sums = gradient.iter_mut().zip(&mean);
                sums.for_each(|(sum, &mean)| *sum += f64::from(mean) * score.units as f64);
                (loss, units) = (loss + score.loss, units + score.units);
            }
            (gradient, loss, units)
        };
        let together = utterance_batches(&LENGTHS, 18).unwrap();
        assert_eq!(together, [vec![0, 4], vec![3, 1, 2]]);
        let alone: Vec<Vec<usize>> = (0..LENGTHS.len()).map(|utterance| vec![utterance]).collect();
        for objective in objectives {
            let (together, alone) = (total(objective, &together), total(objective, &alone));
            assert_eq!(together.2, alone.2);
            assert!((together.1 / alone.1 - 1.0).abs() < 1e-6, "{} {}", together.1, alone.1);
            let largest = alone.0.iter().fold(0f64, |a, b| a.max(b.abs()));
            let worst = together.0.iter().zip(&alone.0).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-5 * largest, "{}: {worst} of {largest}", objective.name());
        }
        assert_eq!(total(&HardLabels, &alone).2, LENGTHS.iter().sum::<usize>() as i64);
        assert_eq!(total(&BySequence, &alone).2, LENGTHS.len() as i64);
    }
}

#[test]
fn an_objective_that_needs_what_a_step_does_not_have_is_an_error_that_names_both() {
    let (model, features, labels) = (model(1, false), features(), labels());
    let chunk = Chunk { features: &features[0], left: 0, right: 0, labels: Labels::Hard(&labels[0]) };
    let chunks = Batch::pack(&[chunk], model.frames(), Device::Cpu).unwrap();
    let message = |objective: &dyn Objective| {
        let error = mean_gradient(model.as_ref(), &chunks, objective, &Conditions::default()).unwrap_err();
        assert!(matches!(error, Error::Unmet { .. }), "{error}");
        error.to_string()
    };
    let provides = "and this training step does not provide it";
    assert_eq!(message(&BySequence), format!("objective `by sequence` needs whole utterances, {provides}"));
    let imitation = Imitation { penalty: 0.1 };
    assert_eq!(message(&imitation), format!("objective `imitation` needs a teacher's outputs, {provides}"));
}

#[test]
fn an_objective_gets_nothing_that_it_did_not_ask_for() {
    struct Modest;
    impl Objective for Modest {
        fn name(&self) -> &'static str {
            "modest"
        }

        fn loss(&self, given: &Given<'_>) -> Result<Loss, Error> {
            assert!(given.outputs.hidden.is_empty());
            assert!(matches!(given.teacher("modest"), Err(Error::Unmet { .. })));
            assert!(matches!(given.weights("modest"), Err(Error::Unmet { .. })));
            HardLabels.loss(given)
        }
    }
    let (student, teacher) = (model(1, false), frozen(model(2, false).as_ref()));
    let conditions = Conditions { teacher: Some(teacher.as_ref()), ..Conditions::default() };
    mean_gradient(student.as_ref(), &batch(&[0], student.as_ref()), &Modest, &conditions).unwrap();
}
