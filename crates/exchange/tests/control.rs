//! The control of GTC over a run: suggested thresholds, the fall of the density, and re-thresholding.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::Numbers;
use stentor_exchange::gtc::{self, Counts, decode_mean, encode, encode_counts};
use stentor_exchange::{Error, Phase, Reducer, Rethreshold, Summation, Tau};
use stentor_experiment::Gtc;

const TAU: f32 = 0.75;

fn tau(value: f32) -> Tau {
    Tau::exact(value).unwrap()
}

#[test]
fn a_suggested_threshold_sends_about_the_density_asked_for() {
    let mut numbers = Numbers::new(9);
    let (update, residual) = (numbers.gradient(1_000_000, 1e-3), numbers.gradient(1_000_000, 1e-3));
    for (density, slack) in [(0.5, 0.02), (0.1, 0.05), (0.01, 0.15), (0.001, 0.4)] {
        let tau = gtc::suggest_tau(&update, &residual, density).unwrap();
        let above = update.iter().zip(&residual).filter(|(g, r)| (*g + *r).abs() >= tau).count();
        let found = above as f64 / 1e6;
        assert!((found / density - 1.0).abs() < slack, "asked {density}, sent {found}");
    }
}

#[test]
fn no_threshold_is_suggested_if_none_exists() {
    assert_eq!(gtc::suggest_tau(&[], &[], 0.1), None);
    assert_eq!(gtc::suggest_tau(&[0.0; 100], &[0.0; 100], 0.1), None);
    assert_eq!(gtc::suggest_tau(&[f32::NAN; 100], &[0.0; 100], 0.1), None);
    // 5 of 100 are not zero: 1 % can be sent, 10 % cannot.
    let update: Vec<f32> = (0..100).map(|i| if i % 20 == 0 { 2.0 } else { 0.0 }).collect();
    assert_eq!(gtc::suggest_tau(&update, &[0.0; 100], 0.01), Some(2.0));
    assert_eq!(gtc::suggest_tau(&update, &[0.0; 100], 0.1), None);
    // With a density too small for the sample, the largest value is still sent.
    assert_eq!(gtc::suggest_tau(&[1.0, -3.0, 2.0], &[0.0; 3], 1e-9), Some(3.0));
}

#[test]
fn a_run_starts_dense_then_its_density_falls_to_the_target() {
    let settings = Gtc {
        density: 0.001,
        warmup_dense: 0.02,
        warmup_falling: 0.1,
        warmup_density: 0.1,
        ..Gtc::default()
    };
    let density = |progress| match gtc::phase(&settings, progress).unwrap() {
        Phase::Density(density) => density,
        other => panic!("{other:?}"),
    };
    assert_eq!(gtc::phase(&settings, 0.0).unwrap(), Phase::Dense { next_density: Some(0.1) });
    assert_eq!(gtc::phase(&settings, 0.0199).unwrap().aim(), Some(0.1));
    assert!((density(0.02) - 0.1).abs() < 1e-12);
    assert!((density(0.07) - 0.01).abs() < 1e-9, "half-way: the geometric mean, {}", density(0.07));
    assert!((density(0.12) - 0.001).abs() < 1e-12);
    assert_eq!(density(1.0), 0.001);
    let steps: Vec<f64> = (20..=130).map(|i| density(f64::from(i) / 1000.0)).collect();
    assert!(steps.is_sorted_by(|a, b| a >= b), "it never rises");
}

#[test]
fn settings_at_their_edges_give_phases_without_gaps() {
    let none = Gtc { warmup_dense: 0.0, warmup_falling: 0.0, density: 0.03, ..Gtc::default() };
    assert_eq!(gtc::phase(&none, 0.0).unwrap(), Phase::Density(0.03));
    let step = Gtc { warmup_dense: 0.5, ..none };
    assert_eq!(gtc::phase(&step, 0.1).unwrap(), Phase::Dense { next_density: Some(0.03) });
    let all_dense = Gtc { warmup_dense: 1.0, ..Gtc::default() };
    assert!(matches!(gtc::phase(&all_dense, 0.999).unwrap(), Phase::Dense { .. }));
    // If the start is below the target, the density does not rise: the target applies at once.
    let rising = Gtc { density: 0.2, warmup_density: 0.1, warmup_dense: 0.0, ..Gtc::default() };
    assert_eq!(gtc::phase(&rising, 0.01).unwrap(), Phase::Density(0.2));
    let fixed = Gtc { tau: Some(0.1), ..Gtc::default() };
    assert_eq!(gtc::phase(&fixed, 0.0).unwrap(), Phase::Dense { next_density: None });
    assert_eq!(gtc::phase(&fixed, 0.03).unwrap(), Phase::Fixed(Tau::nearest(0.1).unwrap()));
    let nan = gtc::phase(&Gtc { tau: Some(f32::NAN), ..Gtc::default() }, 0.5);
    assert!(matches!(nan, Err(Error::TauOutOfRange { .. })), "{nan:?}");
}

#[test]
fn a_rethresholded_update_stays_as_small_as_one_contribution() {
    const LEN: usize = 200_000;
    const MEMBERS: usize = 8;
    let mut numbers = Numbers::new(11);
    let mut residuals = vec![vec![0f32; LEN]; MEMBERS];
    let mut next = vec![0f32; LEN];
    let mut rethreshold = Rethreshold::new(LEN);
    let tau = tau(8.0);
    let spec = Summation::Signs { tau };
    let (mut up, mut exact, mut down, mut delay) = (0, 0, 0, 0f64);
    let (mut means, mut sent) = (vec![0f64; LEN], vec![0f64; LEN]);
    for _ in 0..30 {
        let mut reducer = Reducer::new(&spec, LEN);
        for (slot, residual) in residuals.iter_mut().enumerate() {
            let mut message = Vec::new();
            encode(&numbers.gradient(LEN, 1.0), residual, tau, None, &mut next, &mut message).unwrap();
            std::mem::swap(residual, &mut next);
            up += message.len();
            reducer.add(slot as u32, 1, &message).unwrap();
        }
        let sum = reducer.finish().unwrap();
        let again = reducer.finish_rethresholded(&mut rethreshold).unwrap();
        exact += sum.payload.len();
        down += again.payload.len();
        delay = again.residual_norm.unwrap();
        for (payload, total) in [(&sum.payload, &mut means), (&again.payload, &mut sent)] {
            let mut mean = vec![0f32; LEN];
            decode_mean(payload, &mut mean).unwrap();
            total.iter_mut().zip(&mean).for_each(|(t, &m)| *t += f64::from(m));
        }
    }
    let one_up = up / MEMBERS;
    let ratio = down as f64 / one_up as f64;
    assert!((0.5..2.0).contains(&ratio), "{down} bytes down, {one_up} bytes up from one worker");
    assert!(delay > 0.0, "the rest waits at the coordinator");
    assert!(exact > 4 * one_up, "the exact sum grows with the workers: {exact} bytes");
    // Nothing is lost: what was not sent is in the residual.
    for index in 0..LEN {
        let kept = f64::from(rethreshold.residual()[index]);
        assert!((means[index] - sent[index] - kept).abs() < 1e-4, "index {index}");
    }
}

#[test]
fn a_saved_residual_of_the_coordinator_continues_with_the_same_bits() {
    let mut message = Vec::new();
    let sum: Vec<i32> = (0..1000).map(|i| i % 5 - 2).collect();
    encode_counts(&sum, tau(TAU), 2, &mut message).unwrap();
    let mut counts = Counts::new(1000);
    counts.add(&message).unwrap();
    let mut one = Rethreshold::new(1000);
    one.encode(&counts, tau(TAU), 2, 0.1, &mut Vec::new()).unwrap();
    let mut other = Rethreshold::from_residual(one.residual().to_vec());
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let stats = one.encode(&counts, tau(0.5), 3, 0.1, &mut first).unwrap();
    assert_eq!(other.encode(&counts, tau(0.5), 3, 0.1, &mut second).unwrap(), stats);
    assert_eq!((first, one.residual()), (second, other.residual()));
    let shorter = Counts::new(999);
    assert!(matches!(one.encode(&shorter, tau(TAU), 2, 0.1, &mut Vec::new()), Err(Error::Length { .. })));
}

#[test]
fn with_one_worker_or_two_everything_is_sent_at_once() {
    const LEN: usize = 50_000;
    for members in [1, 2] {
        let mut numbers = Numbers::new(12);
        let mut rethreshold = Rethreshold::new(LEN);
        let spec = Summation::Signs { tau: tau(6.0) };
        for _ in 0..5 {
            let mut reducer = Reducer::new(&spec, LEN);
            for slot in 0..members {
                let (mut next, mut message) = (vec![0f32; LEN], Vec::new());
                let residual = vec![0f32; LEN];
                encode(&numbers.gradient(LEN, 1.0), &residual, tau(6.0), None, &mut next, &mut message)
                    .unwrap();
                reducer.add(slot, 1, &message).unwrap();
            }
            let (mut exact, mut again) = (vec![0f32; LEN], vec![0f32; LEN]);
            decode_mean(&reducer.finish().unwrap().payload, &mut exact).unwrap();
            decode_mean(&reducer.finish_rethresholded(&mut rethreshold).unwrap().payload, &mut again)
                .unwrap();
            let waits = |(e, a): (&f32, &f32)| e != a;
            let late = exact.iter().zip(&again).filter(|&pair| waits(pair)).count();
            // Where both sent the same sign, the second half comes a round later.
            assert!(late < 10, "{members} members: {late} values are late");
        }
    }
}

#[test]
fn values_that_all_grow_equally_do_not_wait_for_ever() {
    // Four workers send the same signs, each at its own indices, every round: all touched values of the mean are equal,
    // and there are as many times too many of them as there are workers.
    const LEN: usize = 40_000;
    let spec = Summation::Signs { tau: tau(TAU) };
    let mut rethreshold = Rethreshold::new(LEN);
    let (mut sent, mut rounds_with) = (0, 0);
    for _ in 0..40 {
        let mut reducer = Reducer::new(&spec, LEN);
        for slot in 0..4 {
            let update: Vec<f32> = (0..LEN).map(|i| if i % 400 == slot { TAU } else { 0.0 }).collect();
            let (mut next, mut message) = (vec![0.0; LEN], Vec::new());
            encode(&update, &vec![0.0; LEN], tau(TAU), None, &mut next, &mut message).unwrap();
            reducer.add(slot as u32, 1, &message).unwrap();
        }
        let down = reducer.finish_rethresholded(&mut rethreshold).unwrap();
        sent += down.nonzero;
        rounds_with += u32::from(down.nonzero > 0);
    }
    // Each worker sent 100 signs in each round.
    assert!((3000..=8000).contains(&sent) && rounds_with >= 10, "{sent} values in {rounds_with} rounds");
    let largest = rethreshold.residual().iter().fold(0f32, |m, r| m.max(r.abs()));
    assert!(largest <= TAU, "nothing waits that a worker would have sent: {largest}");
}
