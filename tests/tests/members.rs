//! A cluster of several members and separate reducers, half of which die at once: the small version of
//! `cargo xtask bench members --kill-half`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::process::Command;
use stentor_tests::program;

#[test]
fn eight_members_train_to_the_end_also_when_half_of_them_die_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("members.json");
    let mut bench = Command::new(program("lab"));
    bench.args(["bench", "members", "--members=8", "--rounds=40", "--kill-half"]);
    let said = bench.arg("--json").arg(&json).env("CARGO_TARGET_DIR", folder.path()).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let figures: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let size = &figures["sizes"]["8"];
    for case in ["dense", "gtc", "half_killed"] {
        let found = &size[case];
        assert_eq!(found["ledger_clean"], true, "{found}");
        // A member has a connection to the coordinator and one to each of the two reducers.
        assert!(found["reducer_descriptors"].as_u64().unwrap() >= 8, "{found}");
        assert!(found["descriptors"].as_f64().unwrap() <= size["descriptors"].as_f64().unwrap(), "{found}");
        assert!(found["rounds"].as_u64().unwrap() >= 20, "{found}");
    }
    assert!(size["half_killed"]["back_s"].as_f64().unwrap() > 0.0, "{size}");
}
