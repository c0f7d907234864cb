//! The story of whoever audits a run that trains.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;
use stentor_tests::cluster::Cluster;
use stentor_tests::{corpus, program, write_experiment};

/// More rounds than are looked at, with a checkpoint every few of them: the run ends when its cluster is dropped.
const LONG: &str =
    "[schedule]\npasses = 300\nlearning_rate = 0.01\n[checkpoint]\ncount = 4000\n[cluster]\nworkers = 2\n";

#[test]
fn a_run_is_clean_whenever_it_is_audited_while_it_publishes_checkpoints() {
    let (folder, _) = corpus();
    let experiment = write_experiment(folder.path(), "run", LONG);
    let cluster = Cluster::start(&experiment, 2, &[]);
    let published =
        cluster.status_when("a checkpoint", "", |status| status["checkpoints"]["newest"].is_string());
    assert_eq!(published["run"]["name"], "run");
    let mut checkpoints = BTreeSet::new();
    for _ in 0..40 {
        let output = Command::new(program("stentor"))
            .args(["ledger", "audit", "--json"])
            .arg(folder.path().join("run"))
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{words}{}", String::from_utf8_lossy(&output.stderr));
        let verdict: Value = serde_json::from_str(&words).unwrap();
        assert_eq!((&verdict["state"], &verdict["clean"]), (&"under way".into(), &true.into()), "{words}");
        checkpoints.insert(verdict["checkpoint"].as_str().unwrap().to_owned());
    }
    assert!(checkpoints.len() >= 10, "it stood still: {checkpoints:?}");
}
