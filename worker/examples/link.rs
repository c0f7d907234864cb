//! A member of a measured cluster; `cargo xtask bench exchange` starts it in a network namespace of its own.
//!
//!     link data FOLDER                              writes features that the experiment's model is sized by
//!     link worker URL IDENTITY ROUNDS EVERY_S DENSITY
//!                                                   takes part in rounds without computing; prints a JSON line for each
//!
//! Gradients: 5 % of the parameters can be large, or five times DENSITY if that is more. In each round each worker has
//! DENSITY (a share of 1) of all values, at random places among these, just above the threshold of 0.01, and the
//! others far below it. A parameter's sign is the same for all workers, because gradients of different data mostly
//! agree where they are large.

// Only our benchmark runs this program, and its output is its result.
#![allow(clippy::print_stdout)]

use half::f16;
use std::collections::BTreeMap;
use std::time::Duration;
use stentor_experiment::Features;
use stentor_inventory::{Inventory, Senone, SenoneId};
use stentor_random::{SplitMix64, mix};
use stentor_shards::{FeatureRow, FeatureSetOptions, FeatureWriter, Normalisation};
use stentor_store::Store;
use stentor_worker::measure::{Gradients, measure};

const SENONES: usize = 3000;
/// One place in a row of at most this many can be large.
const ROW: u64 = 20;
const TAU: f32 = 0.01;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["data", folder] => write_features(folder).await,
        ["worker", url, identity, rounds, every, density] => {
            let every = Duration::from_secs_f64(every.parse()?);
            let seed = identity.bytes().fold(7, |h: u64, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
            let mut spikes =
                Spikes { density: density.parse()?, random: SplitMix64::new(seed), places: Vec::new() };
            let tell = |round| println!("{}", serde_json::to_string(&round).expect("plain numbers"));
            Ok(measure(url, identity, rounds.parse()?, every, &mut spikes, tell).await?)
        }
        _ => Err("expected `data FOLDER` or `worker URL IDENTITY ROUNDS EVERY_S DENSITY`".into()),
    }
}

/// A few large values in a vector of tiny ones.
struct Spikes {
    /// Share of the large values.
    density: f64,
    random: SplitMix64,
    /// Places of the large values of the previous round.
    places: Vec<usize>,
}

impl Gradients for Spikes {
    fn fill(&mut self, _round: u64, gradient: &mut [f32]) {
        for place in self.places.drain(..) {
            gradient[place] = 1e-9;
        }
        let len = gradient.len() as u64;
        let width = ((0.2 / self.density) as u64).clamp(1, ROW);
        let wanted = (len as f64 * self.density) as usize;
        while self.places.len() < wanted {
            // One place in each row can be large; a hash determines which one.
            let row = self.random.next_u64() % (len / width);
            let place = (row * width + mix(row) % width) as usize;
            if gradient[place].abs() >= TAU {
                continue;
            }
            gradient[place] = if mix(place as u64) & 1 == 0 { 1.001 * TAU } else { -1.001 * TAU };
            self.places.push(place);
        }
    }
}

async fn write_features(folder: &str) -> Result<(), Box<dyn std::error::Error>> {
    let settings = Features::default();
    let dimension = settings.dimension();
    let senones = (0..SENONES)
        .map(|i| Senone {
            name: format!("s{i}"),
            phone: format!("p{}", i / 3),
            silence: i < 3,
            state: (i % 3) as u8,
        })
        .collect();
    let options = FeatureSetOptions::new(settings, Inventory::new(senones)?, 8000.0);
    let mut writer = FeatureWriter::new(Store::open(folder)?, options)?;
    for number in 0..64 {
        let frames = 200;
        writer
            .push(FeatureRow {
                utterance: format!("u{number}"),
                speaker: "s".into(),
                group: "g".into(),
                features: vec![f16::ZERO; frames * dimension],
                alignment: Some(vec![SenoneId::new(0); frames]),
                text: None,
            })
            .await?;
    }
    let normalisation = Normalisation { mean: vec![0.0; dimension], std: vec![1.0; dimension] };
    writer.finish(Some(normalisation), BTreeMap::new()).await?;
    Ok(())
}
