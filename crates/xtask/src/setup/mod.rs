//! All that the commands need and the checkout does not hold: libtorch, corpora, a Python environment.
//!
//! Every part is built beside its place and moved there when it is whole, or ends with a stamp: an interrupted set-up goes
//! on with the part that it was in, and a finished one does nothing.

mod corpora;
mod debian;
mod libtorch;
mod python;

pub(crate) use libtorch::FOLDER as LIBTORCH_FOLDER;

use crate::environment::Environment;
use crate::{process, progress};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Debian's package of Prometheus.
const PROMETHEUS: &str = "prometheus";

/// The folder of Prometheus' programs, once they are set up.
pub(crate) fn prometheus_programs(environment: &Environment) -> PathBuf {
    debian::folder(environment, PROMETHEUS).join("usr/bin")
}

/// A part of the set-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// A Python environment with the aligner.
    Python,
    /// The outside judges of the tests, in the same Python environment.
    Judges,
    /// Prometheus and `promtool`, who judge alerts and dashboards in the tests.
    Prometheus,
    /// libtorch and the link `.libtorch` in the checkout.
    Libtorch(Accelerator),
    /// The small corpus: telephone prompts.
    Asterisk,
    /// The demo's corpus: the talking game.
    Game,
}

/// Which libtorch is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// Processors only.
    Cpu,
    /// With the CUDA libraries; the same folder serves machines without a GPU.
    Gpu,
}

/// What a part is about to fetch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fetch {
    pub(crate) what: &'static str,
    pub(crate) from: &'static str,
    /// Download in megabytes.
    pub(crate) megabytes: u32,
}

impl Part {
    fn is_ready(self, environment: &Environment) -> bool {
        match self {
            Part::Python => python::is_ready(environment, &python::ALIGNER),
            Part::Judges => python::is_ready(environment, &python::JUDGES),
            Part::Prometheus => prometheus_programs(environment).join("promtool").is_file(),
            Part::Libtorch(accelerator) => libtorch::is_ready(environment, accelerator),
            Part::Asterisk => corpora::is_ready(environment, &corpora::ASTERISK),
            Part::Game => corpora::is_ready(environment, &corpora::GAME),
        }
    }

    fn fetch(self) -> Fetch {
        match self {
            Part::Python => python::ALIGNER.fetch,
            Part::Judges => python::JUDGES.fetch,
            Part::Prometheus => Fetch {
                what: "Prometheus, for tests of alerts and dashboards",
                from: "Debian",
                megabytes: 19,
            },
            Part::Libtorch(accelerator) => libtorch::fetch(accelerator),
            Part::Asterisk => corpora::ASTERISK.fetch,
            Part::Game => corpora::GAME.fetch,
        }
    }

    fn make(self, environment: &Environment) -> Result<()> {
        match self {
            Part::Python => python::make(environment, &python::ALIGNER),
            Part::Judges => python::make(environment, &python::JUDGES),
            Part::Prometheus => debian::unpacked(environment, PROMETHEUS).map(drop),
            Part::Libtorch(accelerator) => libtorch::make(environment, accelerator),
            Part::Asterisk => corpora::make(environment, &corpora::ASTERISK),
            Part::Game => corpora::make(environment, &corpora::GAME),
        }
    }
}

/// Makes the parts that are not there yet, after saying what will be fetched.
pub(crate) fn run(environment: &Environment, parts: &[Part]) -> Result<()> {
    check_system()?;
    create_folder(&environment.cache)?;
    let lock_path = environment.cache.join("setup.lock");
    let lock = File::create(&lock_path).with_context(|| format!("cannot create {}", lock_path.display()))?;
    if lock.try_lock().is_err() {
        eprintln!("another set-up is at work in {}; waiting for it", environment.cache.display());
        lock.lock().with_context(|| format!("cannot lock {}", lock_path.display()))?;
    }
    let missing: Vec<Part> = parts.iter().copied().filter(|part| !part.is_ready(environment)).collect();
    if !missing.is_empty() {
        eprintln!("Into {}, from package registries:", environment.cache.display());
        for fetch in missing.iter().map(|part| part.fetch()) {
            eprintln!("  {:>5} MB  {} ({})", fetch.megabytes, fetch.what, fetch.from);
        }
    }
    for part in missing {
        progress::step(&format!("set up {}", part.fetch().what), || part.make(environment))?;
    }
    libtorch::link_checkout(environment, parts)
}

/// Names every missing program at once, with the one command that installs all of them.
fn check_system() -> Result<()> {
    let compiler = std::env::var("CXX").ok().filter(|name| !name.is_empty());
    let wanted = [
        ("a C++ compiler", compiler.as_deref().unwrap_or("g++"), "g++"),
        ("Python 3", "python3", "python3"),
        ("dpkg, which unpacks corpora", "dpkg", "dpkg"),
        ("apt-get, which fetches corpora", "apt-get", "apt"),
    ];
    let missing: Vec<_> = wanted.iter().filter(|(_, program, _)| !process::is_there(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<String> =
        missing.iter().map(|(what, program, _)| format!("{what} (`{program}`)")).collect();
    let packages: Vec<&str> = missing.iter().map(|(_, _, package)| *package).collect();
    bail!("missing: {}; on Debian: `apt-get install {}`", names.join(", "), packages.join(" "))
}

/// Creates a folder with its parents.
pub(crate) fn create_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))
}

/// Removes a folder with all in it; none there is fine.
pub(crate) fn remove_folder(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Moves a finished folder to its place, over what an older version left there.
fn move_into_place(from: &Path, to: &Path) -> Result<()> {
    remove_folder(to)?;
    std::fs::rename(from, to).with_context(|| format!("cannot move {} to {}", from.display(), to.display()))
}
