//! Chores of the project: `cargo xtask setup`, `cargo xtask demo`, `cargo xtask test`.
//!
//! Runs before anything else is there, so it links none of the project's crates: it fetches, builds and starts programs.

// It has nothing to go on with once nobody hears it; what it starts does.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod chaos;
mod compose;
mod corpora;
mod demo;
mod environment;
mod fuzz;
mod licences;
mod manifests;
mod network;
mod page;
mod process;
mod programs;
mod progress;
mod setup;
mod simulate;
mod strategy;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};
use environment::Environment;
use programs::Build;
use setup::{Accelerator, Part};
use std::process::ExitCode;

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
        /// libtorch with CUDA (2.7 GB instead of 540 MB).
        #[arg(long)]
        gpu: bool,
    },
    /// Builds `stentor`, `coordinator`, `worker` and `teacher-labeler`, and prints the folder that holds them.
    ///
    /// Put it on the path: `export PATH="$PATH:$(cargo xtask programs)"`. These are the demo's: quickly built, with debug
    /// assertions, without S3, GCS and Azure. For runs of days and weeks: `cargo xtask programs --release`.
    Programs {
        /// Optimised, without debug assertions, with S3, GCS and Azure; building takes some three times as long.
        #[arg(long)]
        release: bool,
    },
    /// The main job, end to end: real speech, a teacher, its labels, four students, a table, a report.
    Demo(demo::Options),
    /// All checks: formatting, licences, lints, tests, documentation, the demo loop on the small corpus.
    Test(test::Options),
    /// Training and labeling under kills: real programs, real speech, every strategy.
    Chaos(chaos::Options),
    /// Simulated clusters from seeds: thousands of runs through faults of every kind, each checked.
    Simulate(simulate::Options),
    /// The small corpus through the compose stack, on a Docker engine, with failures.
    ComposeTest(compose::Options),
    /// Measurements of the exchange.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Pictures of the live page of a small real run.
    Page(page::Options),
    /// Made-up inputs for every decoder of bytes from network and disk.
    Fuzz(fuzz::Options),
    /// The Kubernetes manifests, rendered and judged without a cluster.
    Manifests(manifests::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<()> {
    let environment = Environment::find()?;
    match chore {
        Chore::Setup { gpu } => {
            let accelerator = if gpu { Accelerator::Gpu } else { Accelerator::Cpu };
            let parts = [Part::Python, Part::Libtorch(accelerator), Part::Asterisk, Part::Game];
            setup::run(&environment, &parts)?;
            eprintln!(
                "\nAll is set up. Next: `cargo xtask demo`; or, by hand, `export PATH=\"$PATH:$(cargo xtask programs)\"`"
            );
            Ok(())
        }
        Chore::Programs { release } => {
            // Whoever has a libtorch, with CUDA perhaps, keeps it.
            if environment.libtorch_folder().is_err() {
                setup::run(&environment, &[Part::Libtorch(Accelerator::Cpu)])?;
            }
            let build = if release { Build::Release } else { Build::Demo };
            println!("{}", programs::build(&environment, build)?.display());
            Ok(())
        }
        Chore::Demo(options) => demo::run(&environment, &options).map(drop),
        Chore::Test(options) => test::run(&environment, &options),
        Chore::Fuzz(options) => fuzz::run(&environment, &options),
        Chore::Page(options) => page::run(&environment, &options),
        Chore::Manifests(options) => manifests::run(&environment, &options),
        Chore::Chaos(options) => chaos::run(&environment, &options),
        Chore::Simulate(options) => simulate::run(&environment, &options),
        Chore::ComposeTest(options) => compose::run(&environment, &options),
        Chore::Bench(bench) => bench::run(&environment, &bench),
    }
}
