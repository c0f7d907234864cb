//! What somebody can do who can write to the run's folder and has no key.

use super::place::{Cluster, Place, coordinator, forge, segments};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use stentor_tests::running::{Running, free_address};
use stentor_tests::{checkpoints, copy, events, program, wait_for};

#[test]
fn forged_models_logs_and_results_are_named_and_nobody_with_the_key_loads_them() {
    let place = Place::new();
    let run = place.finished("run");
    let other = place.finished("other");
    let again = |story: &dyn Fn(&Path)| {
        let forged = place.path("forged");
        copy(&run, &forged);
        story(&forged);
        place.verify("forged", &["keys"])
    };
    let named: Value = serde_json::from_slice(&std::fs::read(run.join("final.json")).unwrap()).unwrap();
    let deployed = named["checkpoint"].as_str().unwrap().to_owned();
    let in_checkpoint = |run: &Path| run.join("checkpoints").join(&deployed);

    // Other parameters, with checksums that fit; without the key, nobody notices if BLAKE3 digests fit too.
    let forged = again(&|run| forge(&in_checkpoint(run), true));
    forged.assert_names(&format!("{deployed}/manifest.json"), "forged or damaged");
    assert_eq!(place.verify("forged", &[]).code, 0, "checksums alone say nothing");
    for program_and_words in [
        ("stentor", vec!["export", "--bundle", "bundle", "--features", "data/annotated"]),
        ("teacher-labeler", vec!["--features", "data/annotated", "--out", "labels", "--threads", "1"]),
    ] {
        let (name, words) = program_and_words;
        let mut command = Command::new(program(name));
        command.current_dir(place.path("")).args(words).args(["--model", "forged"]);
        command.args(["--public-key", "keys/signing.pub"]);
        if name == "stentor" {
            command.args(["--lexicon", "nowhere", "--lm", "nowhere"]);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{name}: {said}");
        assert!(said.contains("the signature is not one of key") && said.contains("E0416"), "{name}: {said}");
    }

    // A checkpoint of another run of the same coordinator, with its own valid signature.
    let names = checkpoints(&other);
    let found = again(&|run| {
        copy(&other.join("checkpoints").join(&names[1]), &run.join("checkpoints").join(&names[1]))
    });
    found.assert_names(&format!("{}/manifest.json", names[1]), "out of place: expected one of run");
    // One of this run, in the place of another.
    let late = checkpoints(&run).pop().unwrap();
    let early = checkpoints(&run).into_iter().find(|name| *name != deployed && *name != late).unwrap();
    let found =
        again(&|run| copy(&run.join("checkpoints").join(&early), &run.join("checkpoints").join(&late)));
    found.assert_names(&format!("{late}/manifest.json"), "out of place");
    // The result that another checkpoint is.
    let found = again(&|run| {
        std::fs::write(run.join("final.json"), json!({ "checkpoint": early }).to_string()).unwrap()
    });
    found.assert_names("final.json", "is not signed");
    let changed = json!({ "checkpoint": early, "signed": named["signed"] }).to_string();
    again(&|run| std::fs::write(run.join("final.json"), &changed).unwrap())
        .assert_names("final.json", "out of place");
    // Better figures.
    let found = again(&|run| std::fs::write(run.join("summary.json"), "{}").unwrap());
    found.assert_names("summary.json", "forged or damaged");
    let found = again(&|run| std::fs::remove_file(run.join("summary.json")).unwrap());
    found.assert_names("summary.json", "missing");

    // A log without an event, without a segment, cut off, and in another order.
    let first = format!("events/{}", segments(&run)[0]);
    let found = again(&|run| {
        let text = std::fs::read_to_string(run.join(&first)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        std::fs::write(run.join(&first), lines[1..].join("\n") + "\n").unwrap();
    });
    found.assert_names(&first, "its lines are not those that were signed");
    again(&|run| std::fs::remove_file(run.join(&first)).unwrap()).assert_names("events/", "missing");
    let last = segments(&run).pop().unwrap();
    let found = again(&|run| std::fs::remove_file(run.join("events").join(&last)).unwrap());
    found.assert_names(&last, "missing: final.json was published after it");
    let found = again(&|run| copy(&run.join(&first), &run.join("events").join(&last)));
    found.assert_names(&last, "out of place");

    // Another key does not verify, and says which one would.
    place.new_key("others");
    place.verify("run", &["others"]).assert_names("signed.json", "expected a signature of key");
    place.verify("run", &["others", "keys"]).assert_whole();
}

#[test]
fn a_coordinator_skips_a_forged_checkpoint_and_says_so_and_its_run_is_whole_in_the_end() {
    let place = Place::new();
    let experiment = place.experiment("run");
    let settings = [("STENTOR_SIGNING_KEY", place.path("keys/signing.key"))];
    let run = place.path("run");
    let mut cluster = Cluster::start(&experiment, &settings);
    wait_for("three checkpoints", || checkpoints(&run).len() >= 3);
    cluster.coordinator.kill();
    let names = checkpoints(&run);
    let (newest, before) = (names[names.len() - 1].clone(), names[names.len() - 2].clone());
    forge(&run.join("checkpoints").join(&newest), true);

    // Without a key a coordinator does not continue a signed run, nor does one with another key.
    let (status, said) = coordinator(&experiment, free_address(), &[]).ended();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("E0519") && said.contains("--signing-key"), "{said}");
    place.new_key("others");
    let stranger = [("STENTOR_SIGNING_KEY", place.path("others/signing.key"))];
    let (status, said) = coordinator(&experiment, free_address(), &stranger).ended();
    assert_eq!(status.code(), Some(3), "{said}");
    assert!(said.contains("signed.json") && said.contains("expected a signature of"), "{said}");

    // After a change of the key, the public key of the one before is given too.
    let rotated = [
        ("STENTOR_SIGNING_KEY", place.path("others/signing.key")),
        ("STENTOR_PUBLIC_KEY", place.path("keys/signing.pub")),
    ];
    cluster.coordinator = coordinator(&experiment, cluster.listen, &rotated);
    wait_for("the run's end", || cluster.has_ended_well());
    let log = events(&run);
    let forged: Vec<&Value> = log.iter().filter(|event| event["event"] == "forged").collect();
    assert_eq!(forged.len(), 1, "{forged:?}");
    assert_eq!(forged[0]["object"], format!("checkpoints/{newest}"));
    assert!(forged[0]["reason"].as_str().unwrap().contains("forged or damaged"), "{forged:?}");
    let back = log.iter().rfind(|event| event["event"] == "fell-back").unwrap();
    assert_eq!(back["checkpoint"], before.as_str());
    // Only what was forged is left to be named, if retention has not removed it.
    let verdict = place.verify("run", &["keys", "others"]);
    assert!(verdict.faults.iter().all(|(name, _)| name.contains(&newest)), "{:?}", verdict.faults);
    let of_new = place.verify("run", &["others"]);
    of_new.assert_names("signed.json", "expected a signature of key");
}

#[test]
fn a_worker_loads_only_the_manifest_that_its_coordinator_knows() {
    let place = Place::new();
    let experiment = place.experiment("run");
    let settings = [("STENTOR_SIGNING_KEY", place.path("keys/signing.key"))];
    let run = place.path("run");
    let mut cluster = Cluster::start(&experiment, &settings);
    wait_for("a checkpoint", || !checkpoints(&run).is_empty());
    cluster.worker.kill();
    cluster.coordinator.kill();
    // The coordinator has verified its newest checkpoint, and waits for workers; then somebody replaces it.
    cluster.coordinator = coordinator(&experiment, cluster.listen, &settings);
    let newest = checkpoints(&run).pop().unwrap();
    let log = experiment.with_extension("log");
    let waits = || std::fs::read_to_string(&log).unwrap().matches("listening for workers").count() == 2;
    wait_for("the coordinator", waits);
    wait_for("the restored checkpoint", || std::fs::read_to_string(&log).unwrap().contains("resuming"));
    forge(&run.join("checkpoints").join(&newest), true);
    let mut worker = Command::new(program("worker"));
    worker
        .arg(format!("--coordinator=http://{}", cluster.listen))
        .args(["--identity=worker-0", "--threads=1"]);
    let worker = Running::start(&mut worker, &experiment.with_extension("second.log"));
    let (status, said) = worker.ended();
    assert_eq!(status.code(), Some(3), "{said}");
    assert!(said.contains("was replaced: expected BLAKE3 digest"), "{said}");
}
