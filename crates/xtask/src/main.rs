//! Tasks of the project: `cargo xtask setup`, `cargo xtask demo`, `cargo xtask test`.
//!
//! It is built before anything else exists, so it links none of the project's crates: it downloads, builds and starts
//! programs.

// If its output cannot be written, xtask itself may end; the programs that it starts use other macros.
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

/// Tasks of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", version, about)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Download libtorch, the corpora and a Python environment into the user's cache folder.
    ///
    /// May be repeated and interrupted: it continues where it stopped. `demo` and `test` do this automatically.
    Setup {
        /// libtorch with CUDA (2.7 GB instead of 540 MB).
        #[arg(long)]
        gpu: bool,
    },
    /// Build `stentor`, `coordinator`, `worker` and `teacher-labeler`, and print the folder that contains them.
    ///
    /// Add the folder to the path: `export PATH="$PATH:$(cargo xtask programs)"`. These builds are those of the demo:
    /// they compile quickly, with debug assertions, without S3, GCS and Azure. For runs of days and weeks:
    /// `cargo xtask programs --release`.
    Programs {
        /// Optimised, without debug assertions, with S3, GCS and Azure; building takes about three times as long.
        #[arg(long)]
        release: bool,
    },
    /// Run the main job end to end: real speech, a teacher, its labels, four students, a table, a report.
    Demo(demo::Options),
    /// Run all checks: formatting, licences, lints, tests, documentation, the demo loop on the small corpus.
    Test(test::Options),
    /// Train and label under faults: real programs, real speech, every strategy, with kills, cut links and full disks.
    Chaos(chaos::Options),
    /// Simulate clusters from seeds: thousands of runs with faults of every kind, each checked.
    Simulate(simulate::Options),
    /// Run the small corpus through the compose stack on a Docker engine, with failures.
    ComposeTest(compose::Options),
    /// Run a benchmark.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Make screenshots of the live page of a small real run.
    Page(page::Options),
    /// Feed generated inputs to every decoder of bytes from network and disk.
    Fuzz(fuzz::Options),
    /// Render the Kubernetes manifests and check them without a cluster.
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
                "\nSet-up is complete. Next: `cargo xtask demo`; or, by hand, `export PATH=\"$PATH:$(cargo xtask programs)\"`"
            );
            Ok(())
        }
        Chore::Programs { release } => {
            // If the user has a libtorch, perhaps with CUDA, it is kept.
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
