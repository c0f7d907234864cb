//! Tasks of the project: `cargo xtask setup`, `cargo xtask demo`, `cargo xtask test`.
//!
//! It is built before anything else exists, so it links none of the project's crates but [`stentor_tasks`]: it
//! downloads, builds, checks, and starts the program `lab`, which carries out the other commands.

// If its output cannot be written, xtask itself may end; the programs that it starts use other macros.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod lab;
mod manifests;
mod programs;
mod sbom;
mod setup;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};
use programs::Build;
use setup::{Accelerator, Part};
use std::process::ExitCode;
use stentor_tasks::{Corpus, Environment, Task};

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
    /// Builds the programs, too, because one of them converts the corpora. May be repeated and interrupted: it continues where it stopped. `demo` and `test` do this automatically.
    Setup {
        /// libtorch with CUDA (2.7 GB instead of 540 MB).
        #[arg(long)]
        gpu: bool,
    },
    /// Build `stentor`, `coordinator`, `worker` and `teacher-labeler`, and print the folder that contains them.
    ///
    /// Add the folder to the path: `export PATH="$PATH:$(cargo xtask programs)"`. These builds are those of the demo:
    /// they compile quickly, with debug assertions, without S3, GCS, Azure and TLS. For runs of days and weeks:
    /// `cargo xtask programs --release`, which builds `stentor-transcribe` as well.
    Programs {
        /// Optimised, without debug assertions, with S3, GCS, Azure and TLS; building takes about three times as long.
        #[arg(long)]
        release: bool,
    },
    #[command(flatten)]
    Task(Task),
    /// Run all checks: formatting, licences, lints, tests, documentation, the demo loop on the small corpus.
    // After `demo`.
    #[command(display_order = 2)]
    Test(test::Options),
    /// Render the Kubernetes manifests and check them without a cluster.
    Manifests(manifests::Options),
    /// Write what is in each image, as CycloneDX.
    Sbom(sbom::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            stentor_tasks::print_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<()> {
    let environment = Environment::find()?;
    match chore {
        Chore::Setup { gpu } => {
            let accelerator = if gpu { Accelerator::Gpu } else { Accelerator::Cpu };
            let corpora = [Corpus::Asterisk, Corpus::Game];
            let mut parts = vec![Part::Python, Part::Lexicon, Part::Libtorch(accelerator)];
            parts.extend(corpora.map(Part::Corpus));
            setup::run(&environment, &parts)?;
            lab::convert(&environment, &corpora)?;
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
        Chore::Test(options) => test::run(&environment, &options),
        Chore::Manifests(options) => manifests::run(&environment, &options),
        Chore::Sbom(options) => sbom::run(&environment, &options),
        Chore::Task(task) => lab::carry_out(&environment, &task),
    }
}
