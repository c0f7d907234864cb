//! The steady gain of block momentum in runs of every interleaving; `cargo xtask bench gain` runs this. It prints JSON.

// Only `cargo xtask bench` runs this program, and its output is its result.
#![allow(clippy::print_stdout)]

use serde_json::json;
use stentor_simulation::gain::{Case, Steady};

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let cases: Vec<Steady> = Case::all().into_iter().map(Case::measure).collect::<Result<_, _>>()?;
    println!("{}", json!({"cases": cases}));
    Ok(())
}
