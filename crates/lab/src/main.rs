//! The program that `cargo xtask` starts after it has fetched and built what is needed: the demo, benchmarks, chaos
//! and abuse tests, simulations, fuzzing, the compose stack's test, screenshots of the page, and the conversion of corpora.
//!
//! It starts the project's programs as a user does, and reads what they write with the crates that write it.

// If its output cannot be written, it may end; the programs that it starts use other macros.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod abuse;
mod bench;
mod chaos;
mod child;
mod compose;
mod corpora;
mod demo;
mod fuzz;
mod http;
mod journal;
mod network;
mod page;
mod runs;
mod simulate;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use stentor_tasks::options::demo::Options;
use stentor_tasks::{Corpus, Environment, Task};

/// The commands of `cargo xtask` that need the project's crates.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Task(Task),
    /// Make the data directories of corpora whose packages are fetched.
    Corpora {
        /// The corpora.
        #[arg(value_enum, required = true)]
        corpora: Vec<Corpus>,
    },
    /// Run the demo loop on the small corpus and judge its figures.
    CheckDemo,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            stentor_tasks::print_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let environment = Environment::find()?;
    let programs = programs()?;
    match command {
        Command::Corpora { corpora } => {
            corpora.into_iter().try_for_each(|corpus| corpora::make(&environment, corpus))
        }
        Command::CheckDemo => {
            let options = Options::for_tests(environment.target.join("test-demo"));
            demo::check::judge(&demo::run(&environment, &programs, &options)?)
        }
        Command::Task(task) => match task {
            Task::Demo(options) => demo::run(&environment, &programs, &options).map(drop),
            Task::Chaos(options) => chaos::run(&environment, &programs, &options),
            Task::Abuse(options) => abuse::run(&programs, &options),
            Task::Simulate(options) => simulate::run(&programs, &options),
            Task::ComposeTest(options) => compose::run(&environment, &options),
            Task::Bench(bench) => bench::run(&environment, &programs, &bench),
            Task::Page(options) => page::run(&environment, &programs, &options),
            Task::Fuzz(options) => fuzz::run(&environment, &options),
        },
    }
}

/// The folder of the programs: `xtask` builds them together with this one.
fn programs() -> Result<PathBuf> {
    let program = std::env::current_exe().context("this program does not know where it is")?;
    Ok(program.parent().context("a program is in a folder")?.to_owned())
}
