//! A changed experiment or image on Kubernetes: edit, `kubectl apply`, and the run goes on. What the server would refuse is told
//! from the rendered objects; what the programs make of it is tried with them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde::Deserialize;
use serde_yaml_ng::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_tests::observe::in_checkout;
use stentor_tests::running::{Running, free_address};
use stentor_tests::{audit, corpus, events, program, terminate, wait_for, write_experiment};

/// A copy of all manifests.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifests = in_checkout("deploy/kubernetes/.");
    assert!(Command::new("cp").arg("-r").arg(manifests).arg(folder.path()).status().unwrap().success());
    folder
}

fn render(kubernetes: &Path, overlay: &str) -> Vec<Value> {
    let python = PathBuf::from(
        std::env::var("STENTOR_PYTHON").expect("STENTOR_PYTHON: run these tests by `cargo xtask test`"),
    );
    let kubectl = python.with_file_name("kubectl");
    let output = Command::new(kubectl)
        .arg("kustomize")
        .arg(kubernetes.join("overlays").join(overlay))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    serde_yaml_ng::Deserializer::from_str(&text).map(|one| Value::deserialize(one).unwrap()).collect()
}

fn title(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// What the server does not let anybody change in an object of this kind (`ValidateJobSpecUpdate`, `ValidateStatefulSetUpdate`).
fn immutable(object: &Value) -> Value {
    let mut spec = object["spec"].clone();
    let may_change: &[&str] = match object["kind"].as_str().unwrap() {
        // The number of completions of an indexed job, together with its parallelism.
        "Job" => {
            &["parallelism", "completions", "suspend", "activeDeadlineSeconds", "ttlSecondsAfterFinished"]
        }
        "StatefulSet" => &["replicas", "template", "updateStrategy", "minReadySeconds"],
        "PersistentVolumeClaim" => &["resources"],
        _ => return Value::Null,
    };
    for key in may_change {
        spec.as_mapping_mut().unwrap().remove(*key);
    }
    spec
}

/// The objects that the server refuses to change after an edit of a file.
fn refused(overlay: &str, file: &str, before: &str, after: &str) -> Vec<String> {
    let folder = copy();
    let old = render(folder.path(), overlay);
    let path = folder.path().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(before), "{file} has no `{before}`");
    std::fs::write(&path, text.replace(before, after)).unwrap();
    let new = render(folder.path(), overlay);
    assert_ne!(old, new, "{after}: nothing has changed");
    let find = |wanted: &Value| old.iter().find(|object| title(object) == title(wanted));
    let changed = new.iter().filter(|now| find(now).is_some_and(|then| immutable(then) != immutable(now)));
    changed.map(title).collect()
}

#[test]
fn an_edited_experiment_or_size_is_applied_and_nothing_is_refused() {
    for overlay in ["s3", "gpu"] {
        let file = "overlays/s3/experiment.toml";
        assert_eq!(refused(overlay, file, "strategy = \"bmuf\"", "strategy = \"gtc\""), [""; 0], "{overlay}");
        assert_eq!(refused(overlay, file, "passes = 4", "passes = 6"), [""; 0], "{overlay}");
    }
    let sizes = refused(
        "s3",
        "base/worker.yaml",
        "completions: 4\n  parallelism: 4",
        "completions: 6\n  parallelism: 6",
    );
    assert_eq!(sizes, [""; 0]);
    // The labeling job's settings are its own.
    let labeling = refused("s3", "overlays/s3/kustomization.yaml", "runs/teacher", "runs/other");
    assert_eq!(labeling, ["Job stentor-teacher-labeler"]);
}

/// The coordinator reads the edited file because its pod is replaced: by another name of the ConfigMap.
#[test]
fn an_edited_experiment_replaces_the_coordinators_pod_and_no_worker() {
    let folder = copy();
    let old = render(folder.path(), "s3");
    let path = folder.path().join("overlays/s3/experiment.toml");
    let text = std::fs::read_to_string(&path).unwrap().replace("strategy = \"bmuf\"", "strategy = \"gtc\"");
    std::fs::write(&path, text).unwrap();
    let new = render(folder.path(), "s3");
    let same = |name: &str| {
        let pick = |all: &[Value]| all.iter().find(|object| title(object) == name).unwrap()["spec"].clone();
        pick(&old) == pick(&new)
    };
    assert!(!same("StatefulSet stentor-coordinator"));
    assert!(same("Job stentor-worker") && same("Job stentor-teacher-labeler"));
    let set = new.iter().find(|object| title(object) == "StatefulSet stentor-coordinator").unwrap();
    // With the default, a pod that a mistake keeps from being ready would block the corrected one.
    assert_eq!(set["spec"]["podManagementPolicy"], "Parallel");
}

/// What a job's pods run cannot be changed. The guide says which objects are made again, and with which words.
#[test]
fn another_image_needs_new_jobs_and_the_guide_says_how() {
    let edit = "newName: registry.example.com/stentor/worker, newTag: 0.1.0";
    let found = refused("s3", "overlays/s3/kustomization.yaml", edit, &edit.replace("0.1.0", "0.2.0"));
    assert_eq!(found, ["Job stentor-worker"]);
    let guide = std::fs::read_to_string(in_checkout("docs/guides/platform.md")).unwrap();
    let forced: Vec<&str> =
        guide.lines().filter(|line| line.contains("kubectl apply") && line.contains("--force")).collect();
    assert!(
        forced.iter().any(|line| line.contains("--selector app.kubernetes.io/component=worker")),
        "{forced:?}"
    );
    // Forced on everything, an edit of a volume would delete the data.
    assert!(forced.iter().all(|line| line.contains("--selector")), "{forced:?}");
}

#[test]
fn the_policies_allow_what_the_guide_promises() {
    let objects = render(&in_checkout("deploy/kubernetes"), "s3");
    let egress: Vec<String> = objects
        .iter()
        .filter(|object| object["kind"] == "NetworkPolicy")
        .flat_map(|policy| policy["spec"]["egress"].as_sequence().cloned().unwrap_or_default())
        .map(|rule| serde_yaml_ng::to_string(&rule).unwrap())
        .collect();
    for (what, wanted) in [
        ("stores over TLS", vec!["port: 443"]),
        ("a store on another port", vec!["port: 9000"]),
        ("credentials of machines", vec!["169.254.169.254/32", "port: 80"]),
        ("credentials of Amazon's pods", vec!["169.254.170.23/32", "port: 80"]),
        ("spans", vec!["monitoring", "port: 4317"]),
        ("names", vec!["port: 53"]),
    ] {
        let is_allowed = egress.iter().any(|rule| wanted.iter().all(|words| rule.contains(words)));
        assert!(is_allowed, "{what}: {egress:#?}");
    }
}

/// The coordinator is stopped and started again with the edited file, as a StatefulSet does; its workers look for it meanwhile.
#[test]
fn a_run_goes_on_with_the_strategy_of_the_edited_experiment_file_and_is_asked_once() {
    let (folder, manifest) = corpus();
    let sections = |strategy: &str| {
        format!(
            "[schedule]\npasses = 24\nlearning_rate = 0.01\n[exchange]\nstrategy = \"{strategy}\"\n[exchange.bmuf]\nblock = 2\n\
             [checkpoint]\ncount = 24\nkeep = 30\n"
        )
    };
    let experiment = write_experiment(folder.path(), "run", &sections("bmuf"));
    let run = folder.path().join("run");
    let address = free_address();
    let start = |log: &str| {
        let mut coordinator = Command::new(program("coordinator"));
        coordinator.arg(&experiment).args([&format!("--listen={address}"), "--resume"]);
        Running::start(&mut coordinator, &folder.path().join(log))
    };
    let published = || {
        let folders = std::fs::read_dir(run.join("checkpoints")).into_iter().flatten().flatten();
        folders.filter(|folder| folder.path().join("manifest.json").is_file()).count()
    };
    let stop = |coordinator: Running| {
        terminate(coordinator.id());
        let (status, words) = coordinator.ended();
        assert_eq!(status.code(), Some(8), "{words}");
    };
    let first = start("first.log");
    let mut programs: Vec<Running> = ["worker-0", "worker-1"]
        .iter()
        .map(|identity| {
            let mut worker = Command::new(program("worker"));
            worker.args([format!("--coordinator=http://{address}"), format!("--identity={identity}")]);
            Running::start(worker.arg("--threads=1"), &folder.path().join(format!("{identity}.log")))
        })
        .collect();
    wait_for("a checkpoint", || published() >= 2);
    stop(first);
    let _ = write_experiment(folder.path(), "run", &sections("gtc"));
    let second = start("second.log");
    let switched = || second.log().contains("\"switched\"");
    wait_for("the switch", switched);
    let before = published();
    wait_for("checkpoints after the switch", || published() >= before + 2);
    stop(second);
    programs.push(start("third.log"));
    wait_for("the run's end", || programs.iter_mut().all(Running::has_ended_well));
    assert!(audit(&run, &manifest).is_clean());
    let log = events(&run);
    let commands: Vec<_> = log.iter().filter(|event| event["event"] == "commanded").collect();
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert_eq!(commands[0]["command"], "switch to gtc");
    assert_eq!(commands[0]["caller"], "the experiment file");
    let last = log.iter().rev().find(|event| event["event"] == "round").unwrap();
    assert_ne!(last["encoding"]["kind"], "block", "it ended with the new strategy");
}
