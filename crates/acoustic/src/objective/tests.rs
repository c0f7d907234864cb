use super::*;
use crate::random::Stream;
use crate::supervision::{Soft, Supervision};
use stentor_experiment::ResidualMass::{self, Renormalise, Spread};
use tch::Device;

const BATCH: i64 = 2;
const FRAMES: i64 = 3;
const SENONES: i64 = 7;
const K: i64 = 3;

/// Logits that require a gradient, and targets whose second sequence has only one frame that counts.
fn example() -> (Tensor, Targets) {
    let stream = Stream::new(3, "logits");
    let values: Vec<f32> = (0..(BATCH * FRAMES * SENONES) as u64).map(|n| stream.uniform(n, 2.0)).collect();
    let logits = Tensor::from_slice(&values).view([BATCH, FRAMES, SENONES]);
    let rows = BATCH * FRAMES;
    let ids: Vec<i64> = (0..rows).flat_map(|row| (0..K).map(move |n| (row + 2 * n) % SENONES)).collect();
    let probabilities: Vec<f32> = (0..rows).flat_map(|row| [0.5 + 0.01 * row as f32, 0.2, 0.1]).collect();
    let hard: Vec<i64> = (0..rows).map(|row| (row * 3) % SENONES).collect();
    let targets = Targets {
        supervision: Supervision::HardAndSoft {
            hard: Tensor::from_slice(&hard).view([BATCH, FRAMES]),
            soft: Soft {
                ids: Tensor::from_slice(&ids).view([BATCH, FRAMES, K]),
                probabilities: Tensor::from_slice(&probabilities).view([BATCH, FRAMES, K]),
            },
        },
        mask: Tensor::from_slice(&[1f32, 1.0, 1.0, 0.0, 1.0, 0.0]).view([BATCH, FRAMES]),
    };
    (logits, targets)
}

/// Computes the loss of these logits.
fn loss(objective: &dyn Objective, logits: &Tensor, targets: &Targets) -> Result<Loss, Error> {
    let outputs = Outputs::new(logits.shallow_clone(), Vec::new());
    objective.loss(&Given::new(&outputs, targets, &[FRAMES; BATCH as usize]))
}

fn loss_and_gradient(objective: &dyn Objective, logits: &Tensor, targets: &Targets) -> (f64, Tensor) {
    let leaf = logits.detach().copy().set_requires_grad(true);
    let loss = loss(objective, &leaf, targets).unwrap();
    let gradient = Tensor::run_backward(&[&loss.sum], &[&leaf], false, false).remove(0);
    (loss.sum.double_value(&[]), gradient)
}

#[allow(clippy::needless_pass_by_value)] // Always a temporary.
fn largest(difference: Tensor) -> f64 {
    difference.abs().max().double_value(&[])
}

/// The complete distribution that a top-k target represents; only tests may build it.
fn dense(targets: &Targets, residual_mass: ResidualMass) -> Tensor {
    let soft = targets.supervision.soft().unwrap();
    let sum = soft.probabilities.sum_dim_intlist([-1i64].as_slice(), true, Kind::Float);
    let (kept, rest) = match residual_mass {
        Renormalise => (&soft.probabilities / &sum, Tensor::zeros_like(&sum)),
        Spread => (soft.probabilities.shallow_clone(), (1.0 - &sum) / (SENONES - K) as f64),
    };
    rest.expand([BATCH, FRAMES, SENONES], false).contiguous().scatter(-1, &soft.ids, &kept)
}

#[test]
fn the_gradient_of_hard_labels_is_q_minus_one_hot() {
    let (logits, targets) = example();
    let (_, gradient) = loss_and_gradient(&HardLabels, &logits, &targets);
    let one_hot = targets.supervision.hard().unwrap().one_hot(SENONES).to_kind(Kind::Float);
    let expected = (logits.softmax(-1, None) - one_hot) * targets.mask.unsqueeze(-1);
    assert!(largest(gradient - expected) < 1e-6);
}

#[test]
fn the_gradient_of_top_k_is_q_minus_p_with_either_use_of_the_residual_mass() {
    let (logits, targets) = example();
    for residual_mass in [Renormalise, Spread] {
        let (loss, gradient) = loss_and_gradient(&TopK { residual_mass }, &logits, &targets);
        let p = dense(&targets, residual_mass);
        assert!(largest(p.sum_dim_intlist([-1i64].as_slice(), false, Kind::Float) - 1.0) < 1e-6);
        let expected = (logits.softmax(-1, None) - &p) * targets.mask.unsqueeze(-1);
        assert!(largest(gradient - expected) < 1e-6, "{residual_mass:?}");
        let expected = -(p * logits.log_softmax(-1, None) * targets.mask.unsqueeze(-1)).sum(Kind::Float);
        assert!((loss - expected.double_value(&[])).abs() < 1e-5, "{residual_mass:?}");
    }
}

#[test]
fn every_gradient_is_the_slope_of_its_loss() {
    let (logits, targets) = example();
    let soft = |residual_mass| TopK { residual_mass };
    let objectives: [Box<dyn Objective>; 4] = [
        Box::new(HardLabels),
        Box::new(soft(Renormalise)),
        Box::new(soft(Spread)),
        Box::new(Mixed { hard_weight: 0.3, soft: soft(Spread) }),
    ];
    for (number, objective) in objectives.iter().enumerate() {
        let (_, gradient) = loss_and_gradient(objective.as_ref(), &logits, &targets);
        let gradient = Vec::<f32>::try_from(gradient.reshape([-1])).unwrap();
        for (n, &slope) in gradient.iter().enumerate() {
            let nudge = 1e-2;
            let moved = |by: f64| {
                let logits = logits.copy();
                let _ = logits.view([-1]).get(n as i64).g_add_scalar_(by);
                loss_and_gradient(objective.as_ref(), &logits, &targets).0
            };
            let expected = (moved(nudge) - moved(-nudge)) / (2.0 * nudge);
            assert!(
                (f64::from(slope) - expected).abs() < 1e-3,
                "objective {number}, logit {n}: {slope} {expected}"
            );
        }
    }
}

#[test]
fn frames_outside_the_mask_are_ignored() {
    let (logits, targets) = example();
    let sum = loss(&HardLabels, &logits, &targets).unwrap();
    assert_eq!((sum.unit, sum.units, sum.frames), (LossUnit::Frame, 4, 4));
    let (before, _) = loss_and_gradient(&HardLabels, &logits, &targets);
    let _ = logits.get(1).get(0).fill_(30.0);
    let (after, gradient) = loss_and_gradient(&HardLabels, &logits, &targets);
    assert_eq!(before, after);
    assert_eq!(largest(gradient.get(1).get(0)), 0.0);
}

#[test]
fn frames_are_correct_where_the_best_senone_is_the_label_or_the_teacher_s_first() {
    let (_, targets) = example();
    let best = Tensor::from_slice(&[0i64, 1, 2, 3, 4, 5]).view([BATCH, FRAMES]);
    let logits = best.one_hot(SENONES).to_kind(Kind::Float);
    // The teacher's first senones are 0, 1, 2, (3), 4, (5): all four counted frames agree.
    let soft = loss(&TopK { residual_mass: Renormalise }, &logits, &targets).unwrap();
    assert_eq!((soft.frames, soft.correct), (4, 4));
    // The hard labels are 0, 3, 6, (2), 5, (1): only the first one agrees.
    let hard = loss(&HardLabels, &logits, &targets).unwrap();
    assert_eq!((hard.frames, hard.correct), (4, 1));
}

#[test]
fn mixed_is_the_weighted_sum_of_its_parts() {
    let (logits, targets) = example();
    let soft = TopK { residual_mass: Renormalise };
    let (a, _) = loss_and_gradient(&HardLabels, &logits, &targets);
    let (b, _) = loss_and_gradient(&soft, &logits, &targets);
    let (both, _) = loss_and_gradient(&Mixed { hard_weight: 0.25, soft }, &logits, &targets);
    assert!((both - (0.25 * a + 0.75 * b)).abs() < 1e-5);
}

#[test]
fn labels_that_sum_to_a_little_more_than_one_are_scaled_to_one() {
    let (logits, mut targets) = example();
    let ids = targets.supervision.soft().unwrap().ids.shallow_clone();
    let probabilities =
        Tensor::from_slice(&[0.8f32, 0.19, 0.02]).expand([BATCH, FRAMES, K], false).contiguous();
    targets.supervision = Supervision::Soft(Soft { ids, probabilities });
    let (one, _) = loss_and_gradient(&TopK { residual_mass: Renormalise }, &logits, &targets);
    let (other, _) = loss_and_gradient(&TopK { residual_mass: Spread }, &logits, &targets);
    assert!((one - other).abs() < 1e-5, "{one} {other}");
}

#[test]
fn keeping_every_senone_leaves_no_residual_mass() {
    let (logits, mut targets) = example();
    let ids = Tensor::arange(SENONES, (Kind::Int64, Device::Cpu)).expand([BATCH, FRAMES, SENONES], false);
    let probabilities = logits.flip([-1]).softmax(-1, None);
    targets.supervision = Supervision::Soft(Soft { ids: ids.contiguous(), probabilities });
    let (one, _) = loss_and_gradient(&TopK { residual_mass: Renormalise }, &logits, &targets);
    let (other, gradient) = loss_and_gradient(&TopK { residual_mass: Spread }, &logits, &targets);
    assert_eq!(one, other);
    assert!(gradient.isfinite().all().int64_value(&[]) == 1);
}

#[test]
fn missing_targets_and_sizes_that_disagree_are_errors_that_say_which() {
    let (logits, mut targets) = example();
    let soft = TopK { residual_mass: Spread };
    let message = |objective: &dyn Objective, logits: &Tensor, targets: &Targets| {
        loss(objective, logits, targets).unwrap_err().to_string()
    };
    let labels = |k| Soft {
        ids: Tensor::zeros([BATCH, FRAMES, K], (Kind::Int64, Device::Cpu)),
        probabilities: Tensor::zeros([BATCH, FRAMES, k], (Kind::Float, Device::Cpu)),
    };

    targets.supervision = Supervision::Hard(Tensor::zeros([BATCH, FRAMES + 1], (Kind::Int64, Device::Cpu)));
    assert!(message(&HardLabels, &logits, &targets).contains("hard labels"));
    assert!(message(&soft, &logits, &targets).contains("needs the teacher's soft labels"));
    targets.supervision = Supervision::Soft(labels(K + 1));
    assert!(message(&soft, &logits, &targets).contains("probabilities"));
    targets.supervision = Supervision::Soft(labels(K));
    assert!(message(&HardLabels, &logits, &targets).contains("needs an alignment"));
    targets.mask = Tensor::zeros([BATCH], (Kind::Float, Device::Cpu));
    assert!(message(&soft, &logits, &targets).contains("mask"));
    let flat = Tensor::zeros([2, 2], (Kind::Float, Device::Cpu));
    assert!(message(&soft, &flat, &targets).contains("logits"));
}

#[test]
fn the_experiment_chooses_the_objective_of_each_source() {
    let (logits, targets) = example();
    let settings =
        |hard_weight| stentor_experiment::Objective { hard_weight, residual_mass: Spread, l2: 0.0 };
    let value = |objective: Box<dyn Objective>| loss_and_gradient(objective.as_ref(), &logits, &targets).0;
    let soft = TopK { residual_mass: Spread };
    assert_eq!(value(annotated_objective(&settings(1.0))), value(Box::new(HardLabels)));
    assert_eq!(value(annotated_objective(&settings(0.5))), value(Box::new(Mixed { hard_weight: 0.5, soft })));
    assert_eq!(value(machine_labeled_objective(&settings(0.5))), value(Box::new(soft)));
}
