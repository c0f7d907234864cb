use super::*;
use crate::random::Stream;
use stentor_experiment::{Optimizer as Settings, OptimizerKind};
use tch::Kind;

const LEN: usize = 5;

fn gradient(step: u64) -> Vec<f32> {
    let stream = Stream::new(step, "gradient");
    (0..LEN as u64).map(|n| stream.uniform(n, 3.0)).collect()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::<f32>::try_from(tensor).unwrap()
}

fn kinds() -> [Settings; 3] {
    [
        Settings::default(),
        Settings { kind: OptimizerKind::Sgd, momentum: 0.9, ..Settings::default() },
        Settings { kind: OptimizerKind::Sgd, ..Settings::default() },
    ]
}

#[test]
fn adam_takes_the_steps_of_its_paper() {
    let (beta1, beta2, epsilon, rate) = (0.9f64, 0.999f64, 1e-8f64, 0.01f64);
    let mut adam = Adam::new(beta1, beta2, epsilon, LEN, Device::Cpu);
    let (mut m, mut v) = ([0f64; LEN], [0f64; LEN]);
    for t in 1..=20 {
        let g = gradient(t);
        let step = values(&adam.update(&Tensor::from_slice(&g), rate).unwrap());
        for n in 0..LEN {
            let g = f64::from(g[n]);
            m[n] = beta1 * m[n] + (1.0 - beta1) * g;
            v[n] = beta2 * v[n] + (1.0 - beta2) * g * g;
            let (m_hat, v_hat) = (m[n] / (1.0 - beta1.powi(t as i32)), v[n] / (1.0 - beta2.powi(t as i32)));
            let expected = -rate * m_hat / (v_hat.sqrt() + epsilon);
            assert!((f64::from(step[n]) - expected).abs() < 1e-7, "step {t}: {} {expected}", step[n]);
        }
    }
}

#[test]
fn sgd_without_momentum_follows_the_gradient_and_with_momentum_its_running_sum() {
    let mut plain = Sgd::new(0.0, 2, Device::Cpu);
    let g = Tensor::from_slice(&[1f32, -2.0]);
    assert_eq!(values(&plain.update(&g, 0.5).unwrap()), [-0.5, 1.0]);
    let mut heavy = Sgd::new(0.5, 2, Device::Cpu);
    assert_eq!(values(&heavy.update(&g, 1.0).unwrap()), [-1.0, 2.0]);
    assert_eq!(values(&heavy.update(&g, 1.0).unwrap()), [-1.5, 3.0]);
}

#[test]
fn an_optimiser_with_a_restored_state_continues_with_the_same_bits() {
    for settings in kinds() {
        let mut first = build_optimizer(&settings, LEN, Device::Cpu);
        for t in 0..5 {
            let _ = first.update(&Tensor::from_slice(&gradient(t)), 0.1).unwrap();
        }
        let state = first.state();
        assert_eq!(state.steps, 5);
        let mut second = build_optimizer(&settings, LEN, Device::Cpu);
        second.load_state(&state).unwrap();
        assert_eq!(second.state(), state);
        for t in 5..10 {
            let g = Tensor::from_slice(&gradient(t));
            let (a, b) = (first.update(&g, 0.1).unwrap(), second.update(&g, 0.1).unwrap());
            assert_eq!(values(&a), values(&b), "{settings:?}");
        }
    }
}

#[test]
fn an_empty_state_is_the_initial_state() {
    for settings in kinds() {
        let mut used = build_optimizer(&settings, LEN, Device::Cpu);
        let _ = used.update(&Tensor::from_slice(&gradient(1)), 0.1).unwrap();
        used.load_state(&OptimizerState::default()).unwrap();
        let fresh = build_optimizer(&settings, LEN, Device::Cpu);
        assert_eq!(used.state(), fresh.state());
    }
}

#[test]
fn a_state_of_another_optimiser_or_length_is_refused_and_changes_nothing() {
    let [adam, heavy, _] = kinds().map(|settings| build_optimizer(&settings, LEN, Device::Cpu));
    let (mut adam, heavy) = (adam, heavy);
    let _ = adam.update(&Tensor::from_slice(&gradient(1)), 0.1).unwrap();
    let before = adam.state();
    let mut wrong = heavy.state();
    wrong.steps = 1;
    assert!(adam.load_state(&wrong).unwrap_err().to_string().contains("velocity"));
    let mut short = before.clone();
    short.vectors[1].1.pop();
    assert!(adam.load_state(&short).unwrap_err().to_string().contains("second_moment"));
    assert_eq!(adam.state(), before);
    let error = adam.update(&Tensor::from_slice(&[1f32]), 0.1).unwrap_err().to_string();
    assert_eq!(error, format!("gradient: expected [{LEN}], found [1]"));
    assert_eq!(adam.state(), before);
}

#[test]
fn a_long_gradient_is_scaled_down_to_the_limit_and_a_short_one_is_left_alone() {
    let gradient = Tensor::from_slice(&[3f32, 4.0]);
    assert_eq!(clip_to_norm(&gradient, 10.0).unwrap(), 5.0);
    assert_eq!(values(&gradient), [3.0, 4.0]);
    assert_eq!(clip_to_norm(&gradient, 0.0).unwrap(), 5.0);
    assert_eq!(values(&gradient), [3.0, 4.0]);
    assert_eq!(clip_to_norm(&gradient, 1.0).unwrap(), 5.0);
    assert!((gradient.norm().double_value(&[]) - 1.0).abs() < 1e-6);
}

#[test]
fn a_gradient_that_is_not_finite_is_reported_and_not_scaled() {
    let gradient = Tensor::from_slice(&[1f32, f32::NAN]);
    assert!(clip_to_norm(&gradient, 1.0).unwrap().is_nan());
    assert_eq!(values(&gradient)[0], 1.0);
    let gradient = Tensor::from_slice(&[f32::INFINITY, 2.0]);
    assert!(clip_to_norm(&gradient, 1.0).unwrap().is_infinite());
    assert_eq!(gradient.kind(), Kind::Float);
    assert_eq!(values(&gradient), [f32::INFINITY, 2.0]);
}
