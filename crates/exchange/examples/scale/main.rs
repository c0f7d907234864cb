//! 16, 64 and 256 workers in one process, on a small model with hand-written gradients: a comparison of the strategies
//! with many workers. `cargo xtask bench scale` runs this with `--release`; it prints JSON.
//!
//! Encoder, reducer, re-thresholding and block filter are those of the crate. All strategies see the same batches, and
//! each uses the best of the same learning rates, so that the comparison does not depend on the choice of rate.

// Development tool: printing is its only output.
#![allow(clippy::print_stdout)]

mod clouds;
mod cluster;
mod gain;
mod network;

#[path = "../../tests/common/mod.rs"]
mod common;

use clouds::Clouds;
use cluster::{Blocks, Inside, Outcome, Setting};
use network::Network;
use serde_json::{Value, json};
use stentor_exchange::Error;

const WORKERS: [usize; 3] = [16, 64, 256];
/// Number of batches in a whole run, whatever the number of workers.
const BATCHES: usize = 51_200;
const RATES: [f64; 6] = [0.03, 0.1, 0.3, 0.9, 2.7, 8.1];
/// Number of batches of a worker in a block.
const BLOCK: usize = 10;
/// Number of workers in a group with two tiers.
const GROUP: usize = 4;
/// Share of values that GTC sends.
const DENSITY: f64 = 0.01;

fn main() -> Result<(), Error> {
    let network = Network { inputs: 32, hidden: 64, classes: 32 };
    let clouds = Clouds::new(network.inputs, network.classes, BATCHES);
    let exact = Inside::Gtc { density: DENSITY, rethreshold: false };
    let rethresholded = Inside::Gtc { density: DENSITY, rethreshold: true };
    let mut runs = Vec::new();
    for workers in WORKERS {
        let whole = |inside| Setting { workers, group: workers, inside, blocks: None };
        let blocks = |group, inside, momentum| {
            let blocks = Some(Blocks { batches: BLOCK, momentum });
            Setting { workers, group, inside, blocks }
        };
        let settings = [
            ("dense", whole(Inside::Dense)),
            ("gtc", whole(exact)),
            ("gtc_rethresholded", whole(rethresholded)),
            ("bmuf", blocks(1, Inside::Dense, None)),
            ("bmuf_momentum_0", blocks(1, Inside::Dense, Some(0.0))),
            ("two_tier", blocks(GROUP, exact, None)),
            ("two_tier_momentum_0", blocks(GROUP, exact, Some(0.0))),
        ];
        let mut strategies = serde_json::Map::new();
        for (name, setting) in settings {
            strategies.insert(name.to_owned(), best(&network, &clouds, setting)?);
        }
        let (gain, fed_back) = (gain::steady(workers)?, gain::with_the_look_ahead_fed_back(workers)?);
        runs.push(json!({
            "workers": workers,
            "gain": gain,
            "gain_look_ahead_fed_back": fed_back,
            "strategies": strategies,
        }));
    }
    let alone = Setting { workers: 1, group: 1, inside: Inside::Dense, blocks: None };
    let report = json!({
        "parameters": network.parameters(),
        "batches": BATCHES,
        "block": BLOCK,
        "group": GROUP,
        "density": DENSITY,
        "learning_rates": RATES,
        "untrained_loss": network.loss(&network.initial(), &clouds.held_out),
        "one_worker": best(&network, &clouds, alone)?,
        "runs": runs,
    });
    println!("{report:#}");
    Ok(())
}

/// Returns the run with the learning rate that ends with the lowest loss.
fn best(network: &Network, clouds: &Clouds, setting: Setting) -> Result<Value, Error> {
    let mut best: Option<(f64, Outcome)> = None;
    for rate in RATES {
        let outcome = cluster::train(network, clouds, setting, rate as f32)?;
        if best.as_ref().is_none_or(|(_, found)| outcome.loss < found.loss) {
            best = Some((rate, outcome));
        }
    }
    let (rate, Outcome { loss, up, down }) = best.unwrap_or_default();
    Ok(json!({
        "loss": loss,
        "learning_rate": rate,
        "up_bytes": up.bytes_per_batch(),
        "down_bytes": down.bytes_per_batch(),
        "up_density": up.density(),
        "down_density": down.density(),
    }))
}
