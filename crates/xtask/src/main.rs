//! Chores of the project: `cargo xtask setup`, `cargo xtask demo`, `cargo xtask test`.
//!
//! Runs before anything else is there, so it links none of the project's crates: it fetches, builds and starts programs.

mod corpora;
mod environment;
mod process;
mod progress;
mod setup;

use anyhow::Result;
use clap::{Parser, Subcommand};
use environment::Environment;
use setup::{Accelerator, Part};

/// Chores of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", version, about)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Fetches libtorch, the corpora and a Python environment into the user's cache folder.
    ///
    /// Safe to run again and to interrupt: it goes on where it stopped. `demo` and `test` do it by themselves.
    Setup {
        /// libtorch with CUDA (2.5 GB instead of 540 MB).
        #[arg(long)]
        gpu: bool,
    },
}

fn main() -> Result<()> {
    let environment = Environment::find()?;
    match Arguments::parse().chore {
        Chore::Setup { gpu } => {
            let accelerator = if gpu { Accelerator::Gpu } else { Accelerator::Cpu };
            let parts = [Part::Python, Part::Libtorch(accelerator), Part::Asterisk, Part::Game];
            setup::run(&environment, &parts)?;
            eprintln!("\nAll is set up. Next: `cargo xtask demo`");
            Ok(())
        }
    }
}
