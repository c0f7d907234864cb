//! Forecasts in limiting cases, their dependence on each input, and the contents of the advice.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use proptest::prelude::*;
use stentor_exchange::gtc::{Counts, encode};
use stentor_exchange::{Tau, gtc};
use stentor_experiment::BlockDeltas;
use stentor_forecast::{
    Applied, Bandwidth, Forecast, Method, Rates, Reducers, RoundTrip, Scenario, advice, forecast,
    signs_bytes, sum_bytes, sum_density,
};

/// Rates of a core from 2020.
const RATES: Rates = Rates {
    copy: 0.5e-9,
    sum: 0.8e-9,
    mean: 0.8e-9,
    step: 1e-9,
    bf16: 1e-9,
    threshold: 1.3e-9,
    count: 8e-9,
    exact: 0.2e-9,
    rethreshold: 0.4e-9,
    apply: 8e-9,
};

fn scenario(workers: usize, mbit: f64) -> Scenario {
    Scenario {
        parameters: 24_161_208,
        workers,
        bandwidth: Bandwidth::bits_per_s(mbit * 1e6),
        rtt: RoundTrip::of_seconds(0.5e-3),
        batch_s: 0.3,
        rates: RATES,
        density: 0.001,
        applied: Applied::Sparse,
        block: 50,
        deltas: BlockDeltas::F32,
        delta_density: 0.03,
        group: 4,
        per_host: 1,
    }
}

fn of(scenario: &Scenario, method: Method, reducers: Reducers) -> Forecast {
    forecast(scenario).into_iter().find(|f| (f.method, f.reducers) == (method, reducers)).unwrap()
}

#[test]
fn on_a_perfect_network_with_free_arithmetic_only_compute_is_left() {
    let free = Scenario {
        bandwidth: Bandwidth::UNLIMITED,
        rtt: RoundTrip::of_seconds(0.0),
        rates: Rates::FREE,
        ..scenario(8, 1.0)
    };
    for found in forecast(&free) {
        assert_eq!((found.total_s, found.speedup), (0.3, 8.0), "{found:?}");
    }
}

#[test]
fn one_worker_with_its_own_reducer_sends_nothing() {
    let alone = scenario(1, 100.0);
    for method in Method::ALL {
        let found = of(&alone, method, Reducers::EachWorker);
        let trips = 2.0 * alone.rtt.seconds();
        assert!(found.up_s + found.down_s <= trips * 1.03, "{found:?}");
    }
    assert!(advice(&alone, &forecast(&alone))[0].contains("no other worker to exchange with"));
}

#[test]
fn dense_through_one_link_carries_every_contribution_and_every_update() {
    let slow = scenario(4, 100.0);
    let found = of(&slow, Method::Dense, Reducers::Coordinator);
    let bits = 4.0 * 24_161_208.0 * 32.0;
    let expected = bits / 1e8 / 0.955;
    assert!((found.up_s - slow.rtt.seconds() - expected).abs() < 1e-6, "{found:?}");
    // Parts of the mean are sent down while others arrive.
    assert_eq!(found.down_s, slow.rtt.seconds());
    // On the workers' hosts: three quarters of one contribution, on a link that also carries means and is not fully
    // used.
    let spread = of(&slow, Method::Dense, Reducers::EachWorker);
    let expected = expected * 3.0 / 16.0 / 0.85;
    assert!((spread.up_s - slow.rtt.seconds() - expected).abs() < 1e-6, "{spread:?}");
}

#[test]
fn compression_wins_on_slow_links_and_loses_on_fast_ones() {
    let gtc = |s: &Scenario| {
        let all = forecast(s);
        let best = |m: &[Method]| {
            all.iter().filter(|f| m.contains(&f.method)).map(|f| f.total_s).fold(f64::INFINITY, f64::min)
        };
        (best(&[Method::Gtc, Method::GtcRethresholded]), best(&[Method::Dense]))
    };
    let (slow, fast) = (scenario(4, 100.0), scenario(4, 400_000.0));
    let (compressed, dense) = gtc(&slow);
    assert!(dense > 8.0 * compressed, "{dense} {compressed}");
    assert!(advice(&slow, &forecast(&slow)).iter().any(|s| s.starts_with("Compression pays")));
    // A link of 400 Gbit/s, and encoding that costs more than the copies that it saves.
    let fast = Scenario { rates: Rates { threshold: 8e-9, ..RATES }, ..fast };
    let (compressed, dense) = gtc(&fast);
    assert!(compressed > dense, "{compressed} {dense}");
    let words = advice(&fast, &forecast(&fast)).join("\n");
    assert!(words.contains("Compression does not pay") && words.contains("network is fast"), "{words}");
}

#[test]
fn the_downlink_of_an_exact_sum_grows_with_the_workers_and_that_of_a_re_thresholded_one_does_not() {
    let bytes = |workers, method| of(&scenario(workers, 100.0), method, Reducers::Coordinator).bytes_down;
    let exact: Vec<f64> = [1, 4, 16, 64].map(|n| bytes(n, Method::Gtc)).into();
    assert!(exact.is_sorted() && exact[3] > 20.0 * exact[0], "{exact:?}");
    assert_eq!(bytes(1, Method::GtcRethresholded), bytes(64, Method::GtcRethresholded));
}

#[test]
fn the_cost_of_a_block_is_shared_by_its_batches() {
    let of_block = |block| of(&Scenario { block, ..scenario(4, 100.0) }, Method::Bmuf, Reducers::Coordinator);
    let (short, long) = (of_block(1), of_block(50));
    assert!((short.up_s / long.up_s - 50.0).abs() < 1e-9);
    assert!((short.total_s - short.compute_s) / (long.total_s - long.compute_s) > 49.9);
    // A block of one batch is a dense exchange of models.
    let dense = of(&scenario(4, 100.0), Method::Dense, Reducers::Coordinator);
    assert_eq!((short.bytes_up, short.up_s), (dense.bytes_up, dense.up_s));
    let half = Scenario { deltas: BlockDeltas::Bf16, ..scenario(4, 100.0) };
    assert_eq!(of(&half, Method::Bmuf, Reducers::Coordinator).bytes_up * 2.0, long.bytes_up);
    let signs = Scenario { deltas: BlockDeltas::Threshold, ..scenario(4, 100.0) };
    assert!(of(&signs, Method::Bmuf, Reducers::Coordinator).bytes_up < 0.02 * long.bytes_up);
}

#[test]
fn two_tiers_of_one_group_and_endless_blocks_are_gtc() {
    let endless = Scenario { group: 8, block: u32::MAX, ..scenario(8, 100.0) };
    let (tiers, gtc) = (Method::TwoTier, Method::Gtc);
    let place = Reducers::Coordinator;
    assert!((of(&endless, tiers, place).total_s - of(&endless, gtc, place).total_s).abs() < 1e-6);
}

proptest! {
    #[test]
    fn a_larger_load_or_slower_link_never_makes_a_batch_faster(
        workers in 1usize..200,
        mbit in 1f64..100_000.0,
        rtt_ms in 0f64..50.0,
        density in 1e-4..0.3,
        factor in 1.01f64..10.0,
    ) {
        let base = Scenario { density, rtt: RoundTrip::of_seconds(rtt_ms / 1e3), ..scenario(workers, mbit) };
        let slower = Scenario { bandwidth: Bandwidth::bits_per_s(mbit * 1e6 / factor), ..base };
        let farther = Scenario { rtt: RoundTrip::of_seconds(rtt_ms * factor / 1e3), ..base };
        let larger = Scenario { parameters: (base.parameters as f64 * factor) as usize, ..base };
        let busier = Scenario { batch_s: base.batch_s * factor, ..base };
        let more = Scenario { workers: workers + 1, ..base };
        let before = forecast(&base);
        for (what, after) in [("slower", slower), ("farther", farther), ("larger", larger), ("busier", busier), ("more", more)] {
            for (before, after) in before.iter().zip(forecast(&after)) {
                // One more worker may make groups smaller, and adds a reducer that shares the work, but transfers grow.
                let seconds = |f: &Forecast| if what == "more" { f.up_s + f.down_s } else { f.total_s };
                if what == "more" && before.method == Method::TwoTier {
                    continue;
                }
                prop_assert!(seconds(&after) >= seconds(before) * (1.0 - 1e-9), "{what}: {before:?} {after:?}");
            }
        }
        for found in &before {
            let parts = found.compute_s + found.encode_s + found.up_s + found.reduce_s + found.down_s + found.apply_s;
            prop_assert!((parts - found.total_s).abs() <= 1e-9 * parts);
            prop_assert!(found.speedup <= workers as f64 * (1.0 + 1e-12));
        }
        prop_assert!(!advice(&base, &before).is_empty());
    }
}

#[test]
fn predicted_sizes_are_those_of_the_coder() {
    const VALUES: usize = 200_000;
    for (density, contributors) in
        [(0.001, 1), (0.01, 1), (0.03, 1), (0.001, 16), (0.01, 4), (0.01, 64), (0.03, 256)]
    {
        // Signs at independent places.
        let tau = Tau::exact(1.0).unwrap();
        let mut state = 1u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1u64 << 24) as f64
        };
        let (mut counts, mut up) = (Counts::new(VALUES), 0);
        for _ in 0..contributors {
            let mut sign = || match uniform() {
                u if u < density / 2.0 => 1.0,
                u if u < density => -1.0,
                _ => 0.0,
            };
            let update: Vec<f32> = (0..VALUES).map(|_| sign()).collect();
            let (mut next, mut message) = (vec![0.0; VALUES], Vec::new());
            encode(&update, &vec![0.0; VALUES], tau, None, &mut next, &mut message).unwrap();
            up += message.len();
            counts.add(&message).unwrap();
        }
        let mut down = Vec::new();
        let nonzero = gtc::encode_counts(counts.values(), tau, contributors as u32, &mut down).unwrap();
        let near = |found: f64, predicted: f64, slack: f64| (found / predicted - 1.0).abs() < slack;
        let values = VALUES as f64;
        assert!(near(up as f64 / contributors as f64, signs_bytes(values, density), 0.05), "{density}");
        let found = (nonzero as f64 / values, sum_density(density, contributors));
        assert!(near(found.0, found.1, 0.05), "{density} × {contributors}: {found:?}");
        let found = (down.len() as f64, sum_bytes(values, density, contributors));
        assert!(near(found.0, found.1, 0.1), "{density} × {contributors}: {found:?}");
    }
}

#[test]
fn the_advice_names_the_winner_its_share_of_compute_and_the_reducers() {
    let slow = scenario(4, 100.0);
    let words = advice(&slow, &forecast(&slow));
    let text = words.join("\n");
    assert!(text.contains("The fastest is GTC, ") || text.contains("The fastest is BMUF "), "{text}");
    assert!(text.contains("4 workers do the work of"), "{text}");
    assert!(text.contains("Dense would spend"), "{text}");
    assert!(text.contains("Reducers on the workers' hosts"), "{text}");
    // If models differ between workers with the fastest strategy, the advice also names the fastest strategy that keeps
    // them equal.
    if !text.contains("The fastest is GTC") {
        assert!(text.contains("compare losses") && text.contains("the fastest is GTC"), "{text}");
    }
}
