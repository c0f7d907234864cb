//! A running cluster whose programs are replaced one by one by those of the next version of the protocol, and programs that have no
//! version in common. In builds with assertions STENTOR_PROTOCOL makes a program speak other versions than its own; with `1` it names
//! none, as programs did before.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_tests::running::{Running, free_address};
use stentor_tests::{assert_as_undisturbed, corpus, program, terminate, wait_for, write_experiment};

/// The versions of the build before.
const BEFORE: &str = "1";
/// A folder with the programs of an earlier release, which are then used in place of this build's that speak its versions.
const EARLIER: &str = "STENTOR_EARLIER_PROGRAMS";
/// Versions of programs that are far ahead.
const FAR: &str = "8-9";
/// Stopped by a signal.
const STOPPED: i32 = 8;

fn earlier() -> Option<PathBuf> {
    std::env::var_os(EARLIER).map(PathBuf::from)
}

struct Cluster {
    experiment: PathBuf,
    listen: SocketAddr,
}

impl Cluster {
    fn new(experiment: &Path) -> Self {
        Self { experiment: experiment.to_owned(), listen: free_address() }
    }

    fn log(&self, name: &str) -> PathBuf {
        self.experiment.with_extension(format!("{name}.log"))
    }

    /// Starts a program, with other versions than its own where `versions` names some.
    fn start(&self, name: &str, words: &[String], versions: Option<&str>) -> Running {
        let executable = if name.starts_with("worker") { "worker" } else { "coordinator" };
        let earlier = earlier().filter(|_| versions == Some(BEFORE));
        let mut command =
            Command::new(earlier.map_or_else(|| program(executable), |folder| folder.join(executable)));
        command.args(words).envs(versions.map(|versions| ("STENTOR_PROTOCOL", versions)));
        Running::start(&mut command, &self.log(name))
    }

    fn coordinator(&self, versions: Option<&str>) -> Running {
        let listen = format!("--listen={}", self.listen);
        self.start(
            "coordinator",
            &[self.experiment.display().to_string(), listen, "--resume".into()],
            versions,
        )
    }

    fn worker(&self, number: usize, versions: Option<&str>) -> Running {
        let name = format!("worker-{number}");
        let words = [
            format!("--coordinator=http://{}", self.listen),
            format!("--identity={name}"),
            "--threads=1".into(),
        ];
        self.start(&name, &words, versions)
    }

    /// The version of each membership of this worker, as the coordinators have said.
    fn joins(&self, number: usize) -> Vec<u64> {
        let log = std::fs::read_to_string(self.log("coordinator")).unwrap();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let name = format!("worker-{number}");
        lines
            .filter(|line| line["message"] == "admitted" && line["identity"] == name.as_str())
            .filter_map(|line| line["protocol"].as_u64())
            .collect()
    }

    fn round(&self) -> Option<u64> {
        let mut status = Command::new(program("stentor"));
        status.args(["status", "--json", "--coordinator", &format!("http://{}", self.listen)]);
        let output = status.output().unwrap();
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        status["round"].as_u64()
    }

    fn wait_for_rounds(&self) {
        let begun = self.round().unwrap_or(0);
        wait_for("more rounds", || self.round().is_some_and(|round| round > begun + 1));
    }
}

fn sections(membership: &str) -> String {
    format!(
        "[schedule]\npasses = 20\nlearning_rate = 0.01\n[exchange]\nstrategy = \"gtc\"\n[checkpoint]\ncount = 20\n\
         [cluster]\nworkers = 2\nrestarts = 100\nmembership = \"{membership}\"\n"
    )
}

/// Ends a program in good order. Those of an earlier release may end with another code.
fn drained(running: Running, versions: Option<&str>) {
    terminate(running.id());
    let (status, said) = running.ended();
    let is_earlier = versions == Some(BEFORE) && earlier().is_some();
    assert!(status.code() == Some(STOPPED) || is_earlier, "{status}: {said}");
}

/// First the coordinator, then the workers one by one.
fn upgrade(membership: &str) {
    let (folder, manifest) = corpus();
    let experiment = write_experiment(folder.path(), "run", &sections(membership));
    let cluster = Cluster::new(&experiment);
    let coordinator = cluster.coordinator(Some(BEFORE));
    let before = [0, 1].map(|number| cluster.worker(number, Some(BEFORE)));
    wait_for("the first checkpoint", || folder.path().join("run/checkpoints").is_dir());
    drained(coordinator, Some(BEFORE));
    // A coordinator of an earlier release may not say which version a membership has.
    let joins = [0, 1].map(|number| cluster.joins(number).len());
    let mut coordinator = cluster.coordinator(None);
    wait_for("the workers before at the coordinator now", || {
        [0, 1].iter().all(|&number| cluster.joins(number).len() > joins[number])
    });
    cluster.wait_for_rounds();
    let mut workers = Vec::new();
    for (number, worker) in before.into_iter().enumerate() {
        let joins = cluster.joins(number).len();
        drained(worker, Some(BEFORE));
        workers.push(cluster.worker(number, None));
        wait_for("the worker now", || cluster.joins(number).len() > joins);
        cluster.wait_for_rounds();
    }
    wait_for("the run's end", || {
        coordinator.has_ended_well() && workers.iter_mut().all(Running::has_ended_well)
    });
    for number in [0, 1] {
        let joins = cluster.joins(number);
        assert!(joins.first() == Some(&1) && joins.last() == Some(&2), "worker-{number}: {joins:?}");
    }
    assert_as_undisturbed(folder.path(), &manifest, &sections(membership), "an upgrade");
}

#[test]
fn an_elastic_run_goes_on_while_its_programs_are_replaced_by_those_of_the_next_version() {
    upgrade("elastic");
}

#[test]
fn a_fixed_run_ends_with_the_same_bits_although_its_programs_were_replaced() {
    upgrade("fixed");
}

#[test]
fn programs_without_a_common_version_say_both_and_which_to_replace() {
    let (folder, _) = corpus();
    let reducer = free_address();
    let sections = format!(
        "[schedule]\npasses = 2\n[cluster]\nworkers = 1\n[exchange]\nreducers = [\"http://{reducer}\"]\n"
    );
    let experiment = write_experiment(folder.path(), "run", &sections);
    let cluster = Cluster::new(&experiment);
    let coordinator = cluster.coordinator(None);
    let file = experiment.display().to_string();
    let far = [file, "--reducer=0".into(), format!("--listen={reducer}")];
    let far = cluster.start("reducer", &far, Some(FAR));
    wait_for("a word of the reducer", || coordinator.log().contains("version 1-2 (release"));
    let log = coordinator.log();
    assert!(log.contains("no connection to a reducer") && log.contains("version 8-9 (release"), "{log}");
    assert!(log.contains("replace the caller by a newer release"), "{log}");
    drop(far);

    let (status, said) = cluster.worker(0, Some(FAR)).ended();
    assert_eq!(status.code(), Some(9), "{said}");
    assert!(said.contains("version 8-9 (release") && said.contains("version 1-2 (release"), "{said}");
    assert!(said.contains("replace the program that it called by a newer release"), "{said}");
    let mut status = Command::new(program("stentor"));
    status.args(["status", "--coordinator", &format!("http://{}", cluster.listen)]);
    let refused = status.env("STENTOR_PROTOCOL", FAR).output().unwrap();
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && words.contains("version 8-9 (release"), "{words}");
}
