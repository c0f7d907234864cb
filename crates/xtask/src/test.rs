//! `cargo xtask test`: everything that must hold before a change is merged, the quickest checks first.

use crate::programs::{self, Build};
use crate::setup::{self, Accelerator, Part};
use crate::{lab, manifests};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use indicatif::FormattedDuration;
use std::process::Command;
use stentor_tasks::process::{self, Deadline};
use stentor_tasks::{Corpus, Environment, progress};

/// The checks to run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only this check; may be given several times. Default: all.
    #[arg(long, value_enum, value_name = "CHECK")]
    only: Vec<Check>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Check {
    /// rustfmt
    Format,
    /// Licences and sources of all dependencies, with cargo-deny and deny.toml
    Licences,
    /// Kubernetes manifests, checked with the schemas
    Manifests,
    /// clippy, warnings are errors
    Lints,
    /// Unit tests, property tests and tests of whole programs
    Tests,
    /// rustdoc, broken links are errors
    Docs,
    /// The whole loop on the small corpus, with 2 workers, in each strategy
    Demo,
}

impl Check {
    const ALL: [Check; 7] = [
        Check::Format,
        Check::Licences,
        Check::Manifests,
        Check::Lints,
        Check::Tests,
        Check::Docs,
        Check::Demo,
    ];

    fn title(self) -> &'static str {
        match self {
            Check::Format => "formatting",
            Check::Licences => "licences and sources of dependencies",
            Check::Manifests => "Kubernetes manifests",
            Check::Lints => "lints",
            Check::Tests => "tests",
            Check::Docs => "documentation",
            Check::Demo => "the demo loop on the small corpus",
        }
    }

    fn run(self, environment: &Environment) -> Result<()> {
        let cargo = |arguments: &[&str]| environment.cargo(arguments);
        match self {
            Check::Format => {
                process::run(&mut environment.plain_cargo(&["fmt", "--all", "--check"]), Deadline::minutes(2))
            }
            Check::Licences => process::run(
                Command::new(environment.cargo_deny()).current_dir(&environment.root).args([
                    "--all-features",
                    "--locked",
                    "check",
                    "licenses",
                    "bans",
                    "sources",
                ]),
                Deadline::minutes(10),
            ),
            Check::Manifests => manifests::check(environment),
            Check::Lints => process::run(
                &mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?,
                Deadline::minutes(60),
            ),
            Check::Tests => tests(environment),
            Check::Docs => process::run(
                cargo(&["doc", "--workspace", "--no-deps"])?.env("RUSTDOCFLAGS", "-D warnings"),
                Deadline::minutes(30),
            ),
            Check::Demo => lab::check_demo(environment),
        }
    }
}

/// Runs the checks; stops after the first failure.
pub(crate) fn run(environment: &Environment, options: &Options) -> Result<()> {
    let checks: Vec<Check> = Check::ALL
        .into_iter()
        .filter(|check| options.only.is_empty() || options.only.contains(check))
        .collect();
    let start = std::time::Instant::now();
    // Formatting needs no download, so it fails within seconds; everything else comes after set-up.
    let mut is_set_up = false;
    for check in checks {
        if !is_set_up && check != Check::Format {
            set_up(environment)?;
            is_set_up = true;
        }
        progress::step(check.title(), || check.run(environment))?;
    }
    eprintln!("\nAll checks passed in {}.", FormattedDuration(start.elapsed()));
    Ok(())
}

fn set_up(environment: &Environment) -> Result<()> {
    setup::run(
        environment,
        &[
            Part::Python,
            Part::Lexicon,
            Part::Judges,
            Part::Prometheus,
            Part::Sclite,
            Part::Slurm,
            Part::Faketime,
            Part::Libtorch(Accelerator::Cpu),
            Part::Corpus(Corpus::Asterisk),
            Part::Corpus(Corpus::Game),
            Part::Browser,
        ],
    )
}

/// Runs the tests. They start programs, read real speech, and use reference programs and a browser; environment
/// variables tell them where these are.
fn tests(environment: &Environment) -> Result<()> {
    let programs = programs::build(environment, Build::Tests)?;
    lab::convert_with(&programs, &[Corpus::Asterisk, Corpus::Game])?;
    let mut command: Command = environment.cargo(&["test", "--workspace"])?;
    command
        .env("STENTOR_BIN", programs)
        .env("STENTOR_PYTHON", environment.python())
        .env("STENTOR_CORPORA", environment.corpora())
        .env("STENTOR_XTASK", std::env::current_exe().context("this program does not know where it is")?)
        .env("STENTOR_PROMETHEUS", setup::prometheus_programs(environment))
        .env("STENTOR_SCLITE", setup::sclite(environment))
        .env("STENTOR_SLURM_PACKAGE", setup::slurm(environment))
        .env("STENTOR_FAKETIME", setup::faketime(environment))
        .env("STENTOR_BROWSER", environment.browser());
    process::run(&mut command, Deadline::minutes(60))
}
