//! A training whose data, checkpoints and labels are all in an object store, over a line that fails again and again.

// Failing is how a test speaks.
#![allow(clippy::unwrap_used)]

#[path = "../../crates/store/tests/support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use stentor_tests::{
    assert_finishes, audit, corpus, deployed_bytes, program, start_training, write_experiment,
};
use support::{BUCKET, Fault, Line, S3, settings};

const SECTIONS: &str = "[schedule]\npasses = 3\nlearning_rate = 0.01\n";

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The same experiment with everything in the bucket.
fn moved(experiment: &Path) -> PathBuf {
    let text = std::fs::read_to_string(experiment).unwrap();
    let text = text.replace("\"data/", &format!("\"s3://{BUCKET}/data/"));
    let text = text.replace("output = \"", &format!("output = \"s3://{BUCKET}/runs/"));
    let path = experiment.with_file_name("remote.toml");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn training_and_labeling_on_an_object_store_end_as_on_a_local_disk_though_the_line_fails() {
    let (folder, manifest) = corpus();
    let local = write_experiment(folder.path(), "run", SECTIONS);
    assert_finishes(start_training(&local, &["--threads", "1"]), &local);

    let server = S3::start();
    copy(&folder.path().join("data"), &server.bucket().join("data"));
    let line = Line::to(server.address);
    let slow = Fault::Slow(Duration::from_millis(100));
    line.every(
        7,
        &[
            Fault::Status(503),
            Fault::CutBeforeAnswer,
            Fault::CutAnswer,
            slow,
            Fault::CutRequest,
            Fault::Status(500),
        ],
    );
    let remote = moved(&local);
    let cache = folder.path().join("cache");
    let settings = settings(line.address);
    let run = |name: &str, arguments: &[&str]| {
        let mut command = Command::new(program(name));
        command.args(arguments).envs(settings.iter().cloned()).env("STENTOR_CACHE", &cache);
        let output = command.output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{name} {arguments:?}: {}\n{said}", output.status);
        said
    };
    run("stentor", &["train", remote.to_str().unwrap(), "--threads", "1"]);
    let stored = server.bucket().join("runs/run");
    assert!(deployed_bytes(&stored) == deployed_bytes(&folder.path().join("run")), "the parameters differ");
    let findings = audit(&stored, &manifest);
    assert!(findings.is_clean(), "{findings:?}");
    assert!(std::fs::read_dir(&cache).unwrap().count() > 0, "nothing was kept on this machine");

    let at = |name: &str| format!("s3://{BUCKET}/{name}");
    let (model, features, out) = (at("runs/run"), at("data/dev"), at("labels"));
    let label = |model: &str, features: &str, out: &str| {
        run(
            "teacher-labeler",
            &["--model", model, "--features", features, "--out", out, "--device=cpu", "--top-k=3"],
        );
    };
    label(&model, &features, &out);
    let local = |name: &str| folder.path().join(name).display().to_string();
    label(&local("run"), &local("data/dev"), &local("labels"));
    for entry in std::fs::read_dir(folder.path().join("labels")).unwrap().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "parquet") {
            let stored = std::fs::read(server.bucket().join("labels").join(entry.file_name())).unwrap();
            assert!(stored == std::fs::read(entry.path()).unwrap(), "{:?} differs", entry.file_name());
        }
    }
    let said = run("stentor", &["verify", &model, &features, &out]);
    assert!(!said.is_empty());
}
