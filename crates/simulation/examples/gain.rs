//! The steady gain of block momentum in runs of every interleaving; `cargo xtask bench gain` runs this. It prints JSON.

// Nobody works with it but us; what it prints is all that it does.
#![allow(clippy::print_stdout)]

use serde_json::json;
use stentor_simulation::gain::{Case, Steady};

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let cases: Vec<Steady> = Case::all().into_iter().map(Case::measure).collect::<Result<_, _>>()?;
    println!("{}", json!({"cases": cases}));
    Ok(())
}
