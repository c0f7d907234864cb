//! The programs: their builds, and how long a build will take.

use anyhow::{Result, bail, ensure};
use indicatif::HumanDuration;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use stentor_tasks::Environment;
use stentor_tasks::process::{self, Deadline};

/// Packages, and the programs that they contain.
const PROGRAMS: [(&str, &str); 4] = [
    ("stentor-coordinator", "coordinator"),
    ("stentor-worker", "worker"),
    ("stentor-teacher-labeler", "teacher-labeler"),
    ("stentor", "stentor"),
];

/// The package with the program that is deployed to recognise words, and the program. It has what `stentor transcribe` does alone.
const TRANSCRIBE: (&str, &str) = ("stentor-transcribe", "stentor-transcribe");

/// The package with the program that carries out most commands of `cargo xtask`, and the program.
const LAB: (&str, &str) = ("stentor-lab", "lab");

/// The purpose of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// The demo: only what it runs, so without stores on the network and without TLS; compiled quickly, with debug assertions.
    Demo,
    /// Tests and benchmarks: everything, with the features that tests need, so that dependencies are not built twice,
    /// for programs and for tests; includes the worker that computes nothing (`examples/link`)
    /// and the process of many workers (`examples/members`).
    Tests,
    /// Like [`Build::Tests`], with the program that makes screenshots.
    Screenshots,
    /// Like [`Build::Tests`], with the program that does to clusters what outsiders may do.
    Abuse,
    /// `lab` alone, with the features of [`Build::Tests`]; without libtorch.
    Lab,
    /// `lab` and simulated clusters; without libtorch.
    Simulation,
    /// `lab` and the measurement of peak memory.
    Memory,
    /// Runs of days and weeks: optimised, without debug assertions, with stores on the network and TLS.
    Release,
}

impl Build {
    /// The programs that it makes.
    fn programs(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let (four, further): (_, &[_]) = match self {
            Build::Demo => (true, &[LAB]),
            Build::Tests | Build::Screenshots | Build::Abuse => (true, &[TRANSCRIBE, LAB]),
            Build::Lab | Build::Simulation | Build::Memory => (false, &[LAB]),
            Build::Release => (true, &[TRANSCRIBE]),
        };
        PROGRAMS.into_iter().filter(move |_| four).chain(further.iter().copied())
    }

    /// Cargo's arguments for the packages whose features count.
    fn selection(self) -> Vec<&'static str> {
        match self {
            Build::Demo => [self.packages(), vec!["--no-default-features"]].concat(),
            Build::Release => self.packages(),
            // Except this program, which is running.
            Build::Tests
            | Build::Screenshots
            | Build::Abuse
            | Build::Lab
            | Build::Simulation
            | Build::Memory => {
                vec!["--workspace", "--exclude", "xtask"]
            }
        }
    }

    fn packages(self) -> Vec<&'static str> {
        self.programs().flat_map(|(package, _)| ["--package", package]).collect()
    }

    fn targets(self) -> &'static [&'static str] {
        match self {
            Build::Demo => &["--bins"],
            Build::Tests => &["--bins", "--example", "link", "--example", "members"],
            Build::Screenshots => &["--bins", "--example", "link", "--example", "page_pictures"],
            Build::Abuse => &["--bins", "--example", "abuse"],
            Build::Lab => &["--bin", LAB.1],
            Build::Simulation => &["--bin", LAB.1, "--example", "simulate", "--example", "gain"],
            Build::Memory => &["--bin", LAB.1, "--example", "memory"],
            Build::Release => &["--bins", "--release"],
        }
    }

    fn folder(self) -> &'static str {
        if self == Build::Release { "release" } else { "debug" }
    }

    fn links_libtorch(self) -> bool {
        !matches!(self, Build::Lab | Build::Simulation)
    }

    /// Arguments of `cargo tree` that list what is compiled.
    fn tree(self) -> Vec<&'static str> {
        let (packages, edges) = match self {
            Build::Demo | Build::Release => (self.selection(), "normal,build"),
            Build::Tests | Build::Screenshots | Build::Abuse => (self.selection(), "normal,build,dev"),
            Build::Lab => (self.packages(), "normal,build"),
            Build::Simulation => {
                ([self.packages(), vec!["--package", "stentor-simulation"]].concat(), "normal,build,dev")
            }
            Build::Memory => {
                ([self.packages(), vec!["--package", "stentor-acoustic"]].concat(), "normal,build,dev")
            }
        };
        [packages, vec!["--edges", edges]].concat()
    }
}

/// Builds the programs, reports how much is left, and returns the folder that contains them.
pub(crate) fn build(environment: &Environment, build: Build) -> Result<PathBuf> {
    let command = match build.links_libtorch() {
        true => environment.cargo(&BUILD)?,
        false => environment.building_cargo(&BUILD)?,
    };
    compile(environment, build, command)?;
    let folder = environment.target.join(build.folder());
    for (package, program) in build.programs() {
        ensure!(
            folder.join(program).is_file(),
            "package `{package}` was built, but {} contains no program `{program}`",
            folder.display()
        );
    }
    Ok(folder)
}

/// Like [`build`], while libtorch is still being fetched: what does not need it is compiled meanwhile, and the rest when it is there.
pub(crate) fn build_ahead(
    environment: &Environment,
    build: Build,
    libtorch: &mpsc::Receiver<()>,
) -> Result<PathBuf> {
    let mut command = environment.building_cargo(&BUILD)?;
    // It fails where libtorch comes too late for the first that needs it; the build below says what else is wrong.
    command.arg("--keep-going").env("LIBTORCH", environment.coming_libtorch_folder()).stderr(Stdio::null());
    let ahead = compile(environment, build, command);
    if libtorch.recv().is_err() {
        bail!("libtorch is not there, without which nothing can be built; its own message says why");
    }
    if ahead.is_err() {
        eprintln!("   libtorch is there; building what needs it");
    }
    self::build(environment, build)
}

/// Cargo's own lines say what it is building but not how much is left. Errors and warnings are still printed.
const BUILD: [&str; 3] = ["build", "--quiet", "--message-format=json-render-diagnostics"];

/// Runs a build, and reports how much is left.
fn compile(environment: &Environment, build: Build, mut command: Command) -> Result<()> {
    command.args(build.selection()).args(build.targets());
    let mut left = Left::new(count(environment, build)?, Instant::now());
    process::follow(&mut command, Deadline::minutes(120), |line| {
        line.into_iter().for_each(|line| left.built(line));
        if let Some(words) = left.words(Instant::now()) {
            eprintln!("   {words}");
        }
    })
}

/// Number of packages in a build.
fn count(environment: &Environment, build: Build) -> Result<usize> {
    let tree = tree(environment, build)?;
    // A package that was listed before is marked at its end.
    let packages = tree.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.is_empty());
    Ok(packages.collect::<BTreeSet<_>>().len())
}

fn tree(environment: &Environment, build: Build) -> Result<String> {
    let arguments = ["tree", "--prefix", "none", "--format", "{p}"];
    process::output(environment.plain_cargo(&arguments).args(build.tree()))
}

/// Time between two progress lines.
const PAUSE: Duration = Duration::from_secs(15);

/// The progress of a build.
#[derive(Debug)]
struct Left {
    packages: usize,
    /// Packages that are built.
    ready: BTreeSet<String>,
    /// How many of these an earlier build had left.
    fresh: usize,
    started: Instant,
    said: Instant,
}

/// The keys of cargo's messages that are used here.
#[derive(Debug, Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    #[serde(default)]
    fresh: bool,
}

impl Left {
    fn new(packages: usize, now: Instant) -> Self {
        Self { packages, ready: BTreeSet::new(), fresh: 0, started: now, said: now }
    }

    /// Processes a line of `cargo build --message-format=json`.
    fn built(&mut self, line: &str) {
        let Ok(message) = serde_json::from_str::<Message>(line) else { return };
        if message.reason == "compiler-artifact" && self.ready.insert(message.package_id) && message.fresh {
            self.fresh += 1;
        }
    }

    /// A progress line, at intervals.
    fn words(&mut self, now: Instant) -> Option<String> {
        if now.duration_since(self.said) < PAUSE {
            return None;
        }
        self.said = now;
        let (ready, packages) = (self.ready.len(), self.packages.max(self.ready.len()));
        let built = ready - self.fresh;
        let elapsed = now.duration_since(self.started);
        // Packages differ in size, so this is an estimate, which is omitted for the first few.
        let left = (built >= 10).then(|| elapsed.mul_f64((packages - ready) as f64 / built as f64));
        let left = left.map(|left| format!(", about {} left", HumanDuration(left)));
        Some(format!("{ready} of {packages} packages built{}", left.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(package: &str, fresh: bool) -> String {
        format!(r#"{{"reason":"compiler-artifact","package_id":"{package}","fresh":{fresh},"target":{{}}}}"#)
    }

    #[test]
    fn the_remaining_time_is_estimated_from_newly_built_packages_only() {
        let start = Instant::now();
        let mut left = Left::new(100, start);
        (0..40).for_each(|n| left.built(&artifact(&format!("there-{n}"), true)));
        assert_eq!(left.words(start + Duration::from_secs(1)), None, "at most one line per interval");
        (0..20).for_each(|n| left.built(&artifact(&format!("built-{n}"), false)));
        // A package's build script and its library count as one package.
        left.built(&artifact("built-0", false));
        left.built("warning: not JSON");
        let said = left.words(start + Duration::from_secs(60));
        assert_eq!(said.as_deref(), Some("60 of 100 packages built, about 2 minutes left"));
        assert_eq!(left.words(start + Duration::from_secs(70)), None);
    }

    #[test]
    fn no_estimate_is_made_from_the_first_few() {
        let start = Instant::now();
        let mut left = Left::new(100, start);
        left.built(&artifact("one", false));
        assert_eq!(left.words(start + Duration::from_secs(20)).as_deref(), Some("1 of 100 packages built"));
    }

    #[test]
    fn the_demos_build_excludes_what_the_demo_does_not_run() {
        let environment = Environment::find().unwrap();
        let [lab, demo, release, tests] = [Build::Lab, Build::Demo, Build::Release, Build::Tests]
            .map(|build| count(&environment, build).unwrap());
        assert!(
            lab < demo && demo < release && release < tests,
            "{lab}, {demo}, {release}, {tests} packages"
        );
        let tree = tree(&environment, Build::Demo).unwrap();
        for package in [
            "reqwest",
            "quick-xml",
            "turmoil",
            "rustls",
            "aws-lc-sys",
            "rcgen",
            "x509-parser",
            "icu_normalizer",
        ] {
            assert!(!tree.contains(&format!("\n{package} v")), "the demo runs without {package}");
        }
    }

    /// Cargo compiles a package again for other features: `xtask` is built alone, before the demo's programs.
    #[test]
    fn what_this_program_links_is_not_compiled_again_for_the_demo() {
        let environment = Environment::find().unwrap();
        let packages = |selection: Vec<&'static str>| -> BTreeSet<String> {
            let edges = ["--edges", "normal,build", "--prefix", "none", "--format", "{p} {f}"];
            let mut command = environment.plain_cargo(&["tree"]);
            let tree = process::output(command.args(edges).args(selection)).unwrap();
            let others = tree.lines().map(|line| line.trim_end_matches(" (*)").replace(" (proc-macro)", ""));
            others.filter(|line| !line.contains("/crates/")).collect()
        };
        let (own, demo) = (packages(vec!["--package", "xtask"]), packages(Build::Demo.selection()));
        let again: Vec<&String> = own.difference(&demo).collect();
        assert!(again.is_empty(), "compiled with other features than for the demo: {again:?}");
    }

    #[test]
    fn a_release_has_all_programs_that_are_deployed_and_nothing_of_the_checkout() {
        let names: Vec<&str> = Build::Release.programs().map(|(_, program)| program).collect();
        let expected = ["coordinator", "worker", "teacher-labeler", "stentor", "stentor-transcribe"];
        assert_eq!(names, expected);
        assert!(Build::Release.packages().ends_with(&["--package", "stentor-transcribe"]));
        assert!(!Build::Demo.packages().contains(&"stentor-transcribe"), "the demo does not run it");
    }

    /// Packages that only `lab` links would be compiled before the demo starts.
    #[test]
    fn the_demos_build_gets_no_package_of_others_from_lab() {
        let environment = Environment::find().unwrap();
        let packages = |build: Build| -> BTreeSet<String> {
            let tree = tree(&environment, build).unwrap();
            tree.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
        };
        let (lab, release) = (packages(Build::Lab), packages(Build::Release));
        let added: Vec<&String> =
            lab.difference(&release).filter(|package| !package.starts_with("stentor-")).collect();
        assert!(added.is_empty(), "{added:?}");
    }
}
