//! Everything that the commands need and the checkout does not contain: libtorch, corpora, a Python environment.
//!
//! Every part is built in a temporary place and moved when it is complete, or ends with a stamp. So an interrupted
//! set-up continues with the part at which it stopped, and a finished one does nothing.

mod browser;
mod debian;
mod fetch;
mod libtorch;
mod python;

pub(crate) use fetch::Accelerator;

use anyhow::{Context, Result, bail};
use fetch::Fetch;
use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use stentor_tasks::{Corpus, Environment, FLITE_PACKAGE, create_folder, process, progress};

/// Debian's package of Prometheus.
const PROMETHEUS: &str = "prometheus";

/// The folder of Prometheus' programs after set-up.
pub(crate) fn prometheus_programs(environment: &Environment) -> PathBuf {
    environment.package(PROMETHEUS).join("usr/bin")
}

/// Debian's package of NIST's scoring programs.
const SCTK: &str = "sctk";

/// NIST's `sclite` after set-up.
pub(crate) fn sclite(environment: &Environment) -> PathBuf {
    environment.package(SCTK).join("usr/lib/sctk/bin/sclite")
}

/// Debian's package of Slurm with a controller, a node daemon and the commands.
const SLURM: &str = "slurm-wlm";

/// The folder of Slurm's files after set-up.
pub(crate) fn slurm(environment: &Environment) -> PathBuf {
    environment.package(SLURM)
}

/// Debian's package of a library that gives a program another time of day.
const FAKETIME: &str = "libfaketime";

/// The library for programs with threads, after set-up.
pub(crate) fn faketime(environment: &Environment) -> PathBuf {
    let architecture = format!("{}-linux-gnu", std::env::consts::ARCH);
    environment.package(FAKETIME).join("usr/lib").join(architecture).join("faketime/libfaketimeMT.so.1")
}

/// A part of the set-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// A Python environment with the aligner.
    Python,
    /// The dictionary and the guesser of pronunciations, in the same Python environment.
    Lexicon,
    /// The reference programs of the tests, in the same Python environment.
    Judges,
    /// Prometheus and `promtool`, which check alerts and dashboards in the tests.
    Prometheus,
    /// NIST's `sclite`, with which word error rates are compared in the tests.
    Sclite,
    /// Slurm, on which the job files of `deploy/slurm` are tested.
    Slurm,
    /// libfaketime, for tests of clocks that are wrong.
    Faketime,
    /// A speech synthesiser, which says when each phone begins.
    Flite,
    /// libtorch and the link `.libtorch` in the checkout.
    Libtorch(Accelerator),
    /// The packages of a corpus. `lab` makes a data directory of them.
    Corpus(Corpus),
    /// A headless browser for tests of the live page.
    Browser,
}

impl Part {
    fn is_ready(self, environment: &Environment) -> bool {
        match self {
            Part::Python => python::is_ready(environment, &python::ALIGNER),
            Part::Lexicon => python::is_ready(environment, &python::LEXICON),
            Part::Judges => python::is_ready(environment, &python::JUDGES),
            Part::Prometheus => prometheus_programs(environment).join("promtool").is_file(),
            Part::Sclite => sclite(environment).is_file(),
            Part::Slurm => slurm(environment).join("usr/sbin/slurmctld-wlm").is_file(),
            Part::Faketime => faketime(environment).is_file(),
            Part::Flite => environment.package(FLITE_PACKAGE).join("usr/bin/flite").is_file(),
            Part::Libtorch(accelerator) => libtorch::is_ready(environment, accelerator),
            Part::Corpus(corpus) => {
                let mut packages = corpus.packages().iter().map(|name| environment.package(name));
                corpus.is_ready(environment) || packages.all(|folder| folder.is_dir())
            }
            Part::Browser => browser::is_ready(environment),
        }
    }

    fn fetch(self) -> Fetch {
        match self {
            Part::Python => python::ALIGNER.fetch,
            Part::Lexicon => python::LEXICON.fetch,
            Part::Judges => python::JUDGES.fetch,
            Part::Prometheus => Fetch {
                what: "Prometheus, for tests of alerts and dashboards",
                from: "Debian",
                megabytes: 19,
            },
            Part::Sclite => {
                Fetch { what: "sclite, for tests of word error rates", from: "Debian", megabytes: 1 }
            }
            Part::Slurm => Fetch { what: "Slurm, for tests of its job files", from: "Debian", megabytes: 4 },
            Part::Faketime => {
                Fetch { what: "libfaketime, for tests of wrong clocks", from: "Debian", megabytes: 1 }
            }
            Part::Flite => {
                Fetch { what: "flite, for synthetic speech with known times", from: "Debian", megabytes: 13 }
            }
            Part::Libtorch(accelerator) => libtorch::fetch(accelerator),
            Part::Corpus(Corpus::Asterisk) => Fetch {
                what: "the small corpus: 0.4 h of telephone prompts, CC BY-SA 3.0",
                from: "Debian",
                megabytes: 18,
            },
            Part::Corpus(Corpus::Game) => Fetch {
                what: "the demo's corpus: 4.6 h of acted lines of a freeware game, not to be sold",
                from: "Debian",
                megabytes: 35,
            },
            Part::Browser => browser::FETCH,
        }
    }

    fn make(self, environment: &Environment) -> Result<()> {
        match self {
            Part::Python => python::make(environment, &python::ALIGNER),
            Part::Lexicon => {
                python::make(environment, &python::LEXICON)?;
                python::train_guesser(environment)
            }
            Part::Judges => python::make(environment, &python::JUDGES),
            Part::Prometheus => debian::unpacked(environment, PROMETHEUS).map(drop),
            Part::Sclite => debian::unpacked(environment, SCTK).map(drop),
            Part::Slurm => debian::unpacked_with_needs(environment, SLURM).map(drop),
            Part::Faketime => debian::unpacked(environment, FAKETIME).map(drop),
            Part::Flite => debian::unpacked_with_needs(environment, FLITE_PACKAGE).map(drop),
            Part::Libtorch(accelerator) => libtorch::make(environment, accelerator),
            Part::Corpus(corpus) => {
                corpus.packages().iter().try_for_each(|name| debian::unpacked(environment, name).map(drop))
            }
            Part::Browser => browser::make(environment),
        }
    }
}

/// Makes the parts that do not exist yet, after printing what will be downloaded.
pub(crate) fn run(environment: &Environment, parts: &[Part]) -> Result<()> {
    let Some(missing) = missing(environment, parts)? else { return Ok(()) };
    missing.make(environment, || {})
}

/// Like [`run`], with a build meanwhile. The build gets a receiver if it needs libtorch and that is not there yet: it hears when it is,
/// and nothing if it cannot be.
pub(crate) fn run_and_build<T>(
    environment: &Environment,
    parts: &[Part],
    build: impl FnOnce(Option<mpsc::Receiver<()>>) -> Result<T>,
) -> Result<T> {
    let Some(missing) = missing(environment, parts)? else { return build(None) };
    let (sender, receiver) = mpsc::channel();
    let coming = (!missing.linked.is_empty()).then_some(receiver);
    if coming.is_none() {
        missing.link(environment)?;
    }
    thread::scope(|scope| {
        let tell = move || {
            // The receiver is gone if the build has failed.
            let _ = sender.send(());
        };
        let making = scope.spawn(move || missing.make(environment, tell));
        let built = build(coming);
        making.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        built
    })
}

/// What is not there yet.
struct Missing {
    /// What programs are linked with.
    linked: Vec<Part>,
    others: Vec<Part>,
    /// The libtorch that the checkout is to use.
    libtorch: Option<Accelerator>,
    /// Held until all is made.
    _lock: File,
}

impl Missing {
    /// Makes all parts, first those that programs are linked with; `linked` is called when these are there.
    fn make(self, environment: &Environment, linked: impl FnOnce()) -> Result<()> {
        make(environment, &self.linked)?;
        self.link(environment)?;
        linked();
        make(environment, &self.others)
    }

    fn link(&self, environment: &Environment) -> Result<()> {
        self.libtorch.map_or(Ok(()), |accelerator| libtorch::link_checkout(environment, accelerator))
    }
}

/// Prints what will be downloaded; `None` if nothing is needed.
fn missing(environment: &Environment, parts: &[Part]) -> Result<Option<Missing>> {
    if parts.is_empty() {
        return Ok(None);
    }
    check_system()?;
    create_folder(&environment.cache)?;
    let lock_path = environment.cache.join("setup.lock");
    let lock = File::create(&lock_path).with_context(|| format!("cannot create {}", lock_path.display()))?;
    if lock.try_lock().is_err() {
        eprintln!("another set-up is running in {}; waiting for it", environment.cache.display());
        lock.lock().with_context(|| format!("cannot lock {}", lock_path.display()))?;
    }
    let missing: Vec<Part> = parts.iter().copied().filter(|part| !part.is_ready(environment)).collect();
    if !missing.is_empty() {
        eprintln!("Into {}, from package registries:", environment.cache.display());
        for fetch in missing.iter().map(|part| part.fetch()) {
            eprintln!("  {:>5} MB  {} ({})", fetch.megabytes, fetch.what, fetch.from);
        }
    }
    let (linked, others) = missing.into_iter().partition(|part| matches!(part, Part::Libtorch(_)));
    let libtorch = parts.iter().find_map(|part| match part {
        Part::Libtorch(accelerator) => Some(*accelerator),
        _ => None,
    });
    Ok(Some(Missing { linked, others, libtorch, _lock: lock }))
}

fn make(environment: &Environment, parts: &[Part]) -> Result<()> {
    let make =
        |part: &Part| progress::step(&format!("set up {}", part.fetch().what), || part.make(environment));
    parts.iter().try_for_each(make)
}

/// Reports all missing programs in one error, with the one command that installs them.
fn check_system() -> Result<()> {
    let compiler = std::env::var("CXX").ok().filter(|name| !name.is_empty());
    let wanted = [
        ("a C++ compiler", compiler.as_deref().unwrap_or("g++"), "g++"),
        ("Python 3", "python3", "python3"),
        ("dpkg, which unpacks corpora", "dpkg", "dpkg"),
        ("apt-get, which downloads corpora", "apt-get", "apt"),
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
