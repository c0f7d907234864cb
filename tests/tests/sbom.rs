//! What `cargo xtask sbom` writes is valid by CycloneDX's own schema, and a mistake in it does not pass.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_tests::observe::in_checkout;
use stentor_tests::xtask;

#[derive(Debug, Deserialize)]
struct Verdict {
    files: usize,
    valid: usize,
    problems: Vec<String>,
}

fn judge(files: &[PathBuf]) -> Verdict {
    let python =
        std::env::var("STENTOR_PYTHON").expect("STENTOR_PYTHON: run these tests by `cargo xtask test`");
    let output = Command::new(python).arg(in_checkout("tests/sbom/judge.py")).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The files of all images, with the wheels of libtorch for this kind of device.
fn written(out: &Path, accelerator: &str) -> Vec<PathBuf> {
    let base = format!("debian@sha256:{}", "ab".repeat(32));
    let mut command = Command::new(xtask());
    command.current_dir(in_checkout("")).args(["sbom", "--accelerator", accelerator]);
    let output = command.args(["--base-image", &base, "--out"]).arg(out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn the_lists_of_all_images_are_valid_cyclonedx() {
    for accelerator in ["cpu", "gpu"] {
        let folder = tempfile::tempdir().unwrap();
        let files = written(folder.path(), accelerator);
        let verdict = judge(&files);
        assert_eq!(verdict.problems, Vec::<String>::new(), "{accelerator}");
        assert_eq!((verdict.files, verdict.valid), (3, 3), "{accelerator}: {files:?}");
    }
}

#[test]
fn a_mistake_is_found_and_its_place_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), "cpu").swap_remove(0);
    let text = std::fs::read_to_string(&file).unwrap();
    for (right, wrong, place) in [
        ("\"alg\": \"SHA-256\"", "\"alg\": \"SHA256\"", "hashes"),
        ("\"type\": \"library\"", "\"type\": \"libary\"", "components"),
        ("\"purl\"", "\"plur\"", "components"),
        ("\"version\": 1\n", "\"version\": \"1\"\n", "version"),
    ] {
        assert!(text.contains(right), "{right} is not in {text}");
        std::fs::write(&file, text.replacen(right, wrong, 1)).unwrap();
        let verdict = judge(std::slice::from_ref(&file));
        assert_eq!((verdict.files, verdict.valid), (1, 0), "{wrong}");
        assert!(verdict.problems[0].contains(place), "{wrong}: {verdict:?}");
    }
}
