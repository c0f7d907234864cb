//! `cargo xtask test`: everything that must hold before a change is merged, the quickest checks first.

use crate::demo::{self, Figures};
use crate::environment::Environment;
use crate::process::{self, Deadline};
use crate::programs::{self, Build};
use crate::setup::{self, Accelerator, Part};
use crate::{licences, manifests, progress};
use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use std::process::Command;

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
    /// Licences of all dependencies
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
            Check::Licences => "licences",
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
            Check::Licences => licences::check(environment),
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
            Check::Demo => demo_loop(environment),
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
    eprintln!("\nAll checks passed in {}.", progress::duration(start.elapsed().as_secs_f64()));
    Ok(())
}

fn set_up(environment: &Environment) -> Result<()> {
    setup::run(
        environment,
        &[
            Part::Python,
            Part::Judges,
            Part::Prometheus,
            Part::Libtorch(Accelerator::Cpu),
            Part::Asterisk,
            Part::Game,
            Part::Browser,
        ],
    )
}

/// Runs the tests. They start programs, read real speech, and use reference programs and a browser; environment
/// variables tell them where these are.
fn tests(environment: &Environment) -> Result<()> {
    let programs = programs::build(environment, Build::Tests)?;
    let mut command: Command = environment.cargo(&["test", "--workspace"])?;
    command
        .env("STENTOR_BIN", programs)
        .env("STENTOR_PYTHON", environment.python())
        .env("STENTOR_CORPORA", environment.corpora())
        .env("STENTOR_XTASK", std::env::current_exe().context("this program does not know where it is")?)
        .env("STENTOR_PROMETHEUS", setup::prometheus_programs(environment))
        .env("STENTOR_BROWSER", environment.browser());
    process::run(&mut command, Deadline::minutes(60))
}

fn demo_loop(environment: &Environment) -> Result<()> {
    let figures = demo::run(environment, &demo::Options::for_tests(environment.target.join("test-demo")))?;
    judge(&figures)
}

/// So few data cannot show a gain; but they do show that every model has learned, and that compression reduces bytes.
fn judge(figures: &Figures) -> Result<()> {
    let students = &figures.students;
    let all = [
        ("teacher", figures.teacher),
        ("annotated", students.annotated),
        ("gtc", students.gtc.rates),
        ("bmuf", students.bmuf.rates),
        ("dense", students.dense.rates),
    ];
    for (name, rates) in all {
        ensure!(
            rates.fer > 0.0 && rates.fer < demo::QUICK_FER_BOUND,
            "expected a frame error rate below {} % of {name}, found {:.1} %",
            demo::QUICK_FER_BOUND,
            rates.fer
        );
    }
    for (name, student) in [("gtc", &students.gtc), ("bmuf", &students.bmuf)] {
        ensure!(
            student.bytes_per_frame < students.dense.bytes_per_frame,
            "expected fewer bytes per frame of {name} than of dense ({:.0}), found {:.0}",
            students.dense.bytes_per_frame,
            student.bytes_per_frame
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{Rates, Student, Students};

    fn figures(fer: f64, gtc_bytes: f64) -> Figures {
        let rates = Rates { fer, fer_speech: fer, per: fer };
        let student = |bytes_per_frame| Student { rates, bytes_per_frame, ..Student::default() };
        Figures {
            teacher: rates,
            students: Students {
                annotated: rates,
                gtc: student(gtc_bytes),
                bmuf: student(10.0),
                dense: student(100.0),
            },
            ..Figures::default()
        }
    }

    #[test]
    fn a_loop_that_learned_and_compressed_passes() {
        judge(&figures(40.0, 10.0)).unwrap();
    }

    #[test]
    fn a_model_that_learned_nothing_or_a_compression_that_does_not_compress_fails() {
        for (fer, gtc_bytes, expected) in [
            (96.0, 10.0, "of teacher, found 96.0"),
            (f64::NAN, 10.0, "of teacher, found NaN"),
            (40.0, 100.0, "of gtc than of dense (100), found 100"),
        ] {
            let error = judge(&figures(fer, gtc_bytes)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
