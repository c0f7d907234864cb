//! Machines whose clocks are minutes wrong: a coordinator whose clock is five minutes fast and workers whose clocks are five minutes
//! slow work as those whose clocks are right. Each program has a time of day of its own, by libfaketime; what only goes forward is as
//! it is, as on machines whose clocks are set wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;
use stentor_tests::running::{Running, free_address};
use stentor_tests::{assert_as_undisturbed, corpus, program, wait_for, write_experiment};

/// Offsets of a clock, as libfaketime reads them.
const FAST: &str = "+5m";
const SLOW: &str = "-5m";
const OFFSET: i64 = 300;
const DAY: i64 = 86_400;

/// libfaketime, as set-up has unpacked it.
fn library() -> PathBuf {
    std::env::var("STENTOR_FAKETIME").expect("STENTOR_FAKETIME: run these tests by `cargo xtask test`").into()
}

/// A program whose time of day is wrong by `offset`.
fn with_clock(name: &str, offset: &str) -> Command {
    let mut command = Command::new(program(name));
    command.env("LD_PRELOAD", library()).env("FAKETIME", offset);
    // Deadlines are measured by clocks that nobody sets. Files have the time of their server.
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("NO_FAKE_STAT", "1");
    command
}

fn sections(membership: &str) -> String {
    format!(
        "[schedule]\npasses = 12\nlearning_rate = 0.01\n[exchange]\nstrategy = \"gtc\"\n[checkpoint]\ncount = 12\n\
         [cluster]\nworkers = 2\nrestarts = 100\nmembership = \"{membership}\"\n"
    )
}

/// A run over TLS.
struct Cluster {
    experiment: PathBuf,
    tls: PathBuf,
    url: String,
}

impl Cluster {
    fn new(folder: &Path, experiment: PathBuf) -> (Self, Running) {
        let tls = folder.join("tls");
        let mut certs = with_clock("stentor", FAST);
        certs.args(["certs", "--cluster", "tests", "--host", "127.0.0.1", "--out"]).arg(&tls);
        assert!(certs.output().unwrap().status.success());
        let listen = free_address();
        let mut command = with_clock("coordinator", FAST);
        command.arg(&experiment).arg(format!("--listen={listen}")).arg("--tls").arg(tls.join("coordinator"));
        let coordinator = Running::start(&mut command, &experiment.with_extension("coordinator.log"));
        (Self { experiment, tls, url: format!("https://{listen}") }, coordinator)
    }

    fn log(&self, name: &str) -> PathBuf {
        self.experiment.with_extension(format!("{name}.log"))
    }

    fn worker(&self, name: &str, offset: &str) -> Running {
        let mut command = with_clock("worker", offset);
        command.args(["--threads=1", &format!("--identity={name}"), &format!("--coordinator={}", self.url)]);
        Running::start(command.arg("--tls").arg(self.tls.join("worker")), &self.log(name))
    }

    /// By how many seconds the clock of a program was ahead when it wrote the last line of its log: the file's time is the
    /// machine's.
    fn seconds_ahead(&self, name: &str) -> i64 {
        let log = std::fs::read_to_string(self.log(name)).unwrap();
        let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        // `2026-11-30T23:59:30.123456Z`
        let time = &last["timestamp"].as_str().unwrap()[11..19];
        let said = time.split(':').fold(0, |seconds, part| 60 * seconds + part.parse::<i64>().unwrap());
        let written = self.log(name).metadata().unwrap().modified().unwrap();
        let written = written.duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 % DAY;
        // Midnight may lie between the two.
        (said - written + DAY / 2).rem_euclid(DAY) - DAY / 2
    }
}

/// A worker dies in the middle, and comes back with another wrong clock.
fn run(membership: &str) {
    let (folder, manifest) = corpus();
    let experiment = write_experiment(folder.path(), "run", &sections(membership));
    let (cluster, mut coordinator) = Cluster::new(folder.path(), experiment);
    let mut first = cluster.worker("worker-0", SLOW);
    let mut second = cluster.worker("worker-1", SLOW);
    wait_for("the first checkpoint", || folder.path().join("run/checkpoints").is_dir());
    second.kill();
    let mut second = cluster.worker("worker-1", FAST);
    wait_for("the run's end", || {
        coordinator.has_ended_well() & first.has_ended_well() & second.has_ended_well()
    });
    // The clocks were wrong indeed.
    for (name, expected) in [("coordinator", OFFSET), ("worker-0", -OFFSET), ("worker-1", OFFSET)] {
        let ahead = cluster.seconds_ahead(name);
        assert!((ahead - expected).abs() <= 2, "{name} was {ahead} seconds ahead");
    }
    assert_as_undisturbed(folder.path(), &manifest, &sections(membership), "wrong clocks");
}

#[test]
fn an_elastic_run_with_clocks_ten_minutes_apart_counts_each_batch_once_although_a_worker_dies() {
    run("elastic");
}

#[test]
fn a_fixed_run_with_clocks_ten_minutes_apart_ends_with_the_bits_of_one_whose_clocks_are_right() {
    run("fixed");
}
