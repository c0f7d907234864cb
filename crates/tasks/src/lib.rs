//! The commands of `cargo xtask` that the program `lab` carries out, and what the two programs share: folders, child
//! processes, progress.
//!
//! `xtask` knows every option before `lab` is built, so that help and mistakes in a command line are reported at once,
//! and `xtask` can fetch and build what the command needs. It links none of the project's other crates.

mod corpus;
mod environment;
mod folders;
pub mod options;
pub mod process;
pub mod progress;
mod strategy;

pub use corpus::Corpus;
pub use environment::{BROWSER_PACKAGE, Environment, FLITE_PACKAGE, LIBTORCH_FOLDER, Libtorch};
pub use folders::{create_folder, move_into_place, remove_folder};
pub use strategy::Strategy;

use clap::Subcommand;
use options::{abuse, bench, chaos, compose_test, demo, fuzz, page, simulate};

/// A command that `lab` carries out.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Run the main job end to end: real speech, a teacher, its labels, four students, a table, a report.
    ///
    /// Once built, it takes some twenty minutes on two cores. Compiling takes four minutes before the first demo.
    Demo(demo::Options),
    /// Train and label under faults: real programs, real speech, every strategy, with kills, cut links and full disks.
    Chaos(chaos::Options),
    /// Do to running clusters what outsiders and faulty members may do, and see that they go on.
    Abuse(abuse::Options),
    /// Simulate clusters from seeds: thousands of runs with faults of every kind, each checked.
    Simulate(simulate::Options),
    /// Run the small corpus through the compose stack on a Docker engine, with failures.
    ComposeTest(compose_test::Options),
    /// Run a benchmark.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Make screenshots of the live page of a small real run.
    Page(page::Options),
    /// Feed generated inputs to every decoder of bytes from network and disk.
    Fuzz(fuzz::Options),
}

/// Prints an error with its causes.
// Nothing can be done if standard error cannot be written.
#[allow(clippy::print_stderr)]
pub fn print_error(error: &anyhow::Error) {
    eprintln!("\nerror: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
}
