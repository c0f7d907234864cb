//! What outsiders and faulty members do to a running cluster of the real programs, at a small size. `cargo xtask abuse` does it at the
//! full one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;
use stentor_tests::abuse::{CASES, Size};
use stentor_tests::running::{Running, free_address};
use stentor_tests::{corpus, program, wait_for, write_experiment};

#[test]
fn a_cluster_survives_whatever_outsiders_do_and_loses_no_member() {
    for case in CASES {
        let outcome = case.run(Size::Small);
        assert!(outcome.run_survived && outcome.valid_members_lost == 0, "{outcome:?}");
    }
}

/// Limits as a shell sets them for the programs that it starts.
fn with_limits(limits: &str, command: &str) -> Command {
    let mut shell = Command::new("bash");
    shell.args(["-c", &format!("{limits} && exec {command}")]);
    shell
}

#[test]
fn the_limit_of_open_files_is_raised_and_one_that_is_too_low_is_named_with_what_to_do() {
    let (folder, _) = corpus();
    let experiment = write_experiment(folder.path(), "run", "[schedule]\npasses = 1\n");
    let start = |limits: &str, log: &str| {
        let (program, file) = (program("coordinator"), experiment.display());
        let command = format!("{} {file} --listen {}", program.display(), free_address());
        Running::start(&mut with_limits(limits, &command), &folder.path().join(log))
    };
    let raised = start("ulimit -S -n 256", "raised.log");
    wait_for("the listener", || raised.log().contains("listening for workers"));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", raised.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft: u64 = line.split_whitespace().nth(3).unwrap().parse().unwrap();
    assert!(soft >= 5120, "{line}");

    let small = start("ulimit -n 1024", "small.log");
    wait_for("the listener", || small.log().contains("listening for workers"));
    let log = small.log();
    assert!(log.contains("too low for 4608 connections") && log.contains("\"found\":1024"), "{log}");

    let (status, words) = start("ulimit -n 300", "none.log").ended();
    assert_eq!(status.code(), Some(2), "{words}");
    assert!(words.contains("at least 576 open files, found 300") && words.contains("E1007"), "{words}");
}
