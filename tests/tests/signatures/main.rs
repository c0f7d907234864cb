//! Stories of runs that are signed, by real programs, and of somebody who can write to the run's folder and has no key.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use stentor_checkpoint::digest;
use stentor_proto::v1::coordinator_client::CoordinatorClient;
use stentor_proto::{Refusal, v1};
use stentor_signature::Digest;
use stentor_tests::running::{Running, free_address};
use stentor_tests::{checkpoints, copy, corpus, events, program, wait_for, write_experiment};
use tempfile::TempDir;

/// Enough checkpoints for a run to be killed between two.
const SECTIONS: &str =
    "[schedule]\npasses = 6\n[checkpoint]\ncount = 6\nkeep = 10\n[cluster]\nworkers = 1\nrestarts = 100\n";

/// Keys, data and runs in a folder.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(corpus().0);
        place.new_key("keys");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn new_key(&self, name: &str) {
        let out = self.path(name);
        let output =
            Command::new(program("stentor")).arg("signing-key").arg("--out").arg(out).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn experiment(&self, name: &str) -> PathBuf {
        write_experiment(self.0.path(), name, SECTIONS)
    }

    fn verify(&self, run: &str, keys: &[&str]) -> Verdict {
        let mut command = Command::new(program("stentor"));
        command.arg("verify").arg("--json").arg(self.path(run));
        for key in keys {
            command.arg("--public-key").arg(self.path(key).join("signing.pub"));
        }
        Verdict::of(&command.output().unwrap())
    }

    /// A run that has finished, signed with `keys`.
    fn finished(&self, name: &str) -> PathBuf {
        let experiment = self.experiment(name);
        let mut cluster =
            Cluster::start(&experiment, &[("STENTOR_SIGNING_KEY", self.path("keys/signing.key"))]);
        wait_for("the run's end", || cluster.has_ended_well());
        self.path(name)
    }
}

/// What `stentor verify` says.
#[derive(Debug)]
struct Verdict {
    code: i32,
    signatures: String,
    /// What is wrong, by object.
    faults: Vec<(String, String)>,
}

impl Verdict {
    fn of(output: &Output) -> Self {
        let found: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let objects = found[0]["objects"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let faults = objects.iter().flat_map(|object| {
            object["faults"].as_array().unwrap().iter().map(|fault| (text(&object["name"]), text(fault)))
        });
        Self {
            code: output.status.code().unwrap(),
            signatures: text(&found[0]["signatures"]),
            faults: faults.collect(),
        }
    }

    #[track_caller]
    fn assert_whole(&self) {
        assert_eq!((self.code, self.signatures.as_str()), (0, "checked"), "{:?}", self.faults);
    }

    /// Asserts that something is wrong, with these words about an object whose name has these.
    #[track_caller]
    fn assert_names(&self, object: &str, words: &str) {
        assert_eq!(self.code, 3, "{:?}", self.faults);
        let named = self.faults.iter().any(|(name, fault)| name.contains(object) && fault.contains(words));
        assert!(named, "expected `{words}` about {object}, found {:#?}", self.faults);
    }
}

/// A coordinator and one worker.
struct Cluster {
    coordinator: Running,
    worker: Running,
    listen: SocketAddr,
}

impl Cluster {
    fn start(experiment: &Path, settings: &[(&str, PathBuf)]) -> Self {
        let listen = free_address();
        let coordinator = coordinator(experiment, listen, settings);
        let mut worker = Command::new(program("worker"));
        worker.arg(format!("--coordinator=http://{listen}")).args(["--identity=worker-0", "--threads=1"]);
        let worker = Running::start(&mut worker, &experiment.with_extension("worker.log"));
        Self { coordinator, worker, listen }
    }

    fn has_ended_well(&mut self) -> bool {
        self.worker.has_ended_well() & self.coordinator.has_ended_well()
    }
}

fn coordinator(experiment: &Path, listen: SocketAddr, settings: &[(&str, PathBuf)]) -> Running {
    let mut command = Command::new(program("coordinator"));
    command.arg(experiment).arg(format!("--listen={listen}")).arg("--resume");
    command.envs(settings.iter().map(|(name, value)| (*name, value)));
    Running::start(&mut command, &experiment.with_extension("log"))
}

/// Names of the segments of the event log.
fn segments(run: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(run.join("events")).unwrap().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Puts other parameters into a checkpoint, as somebody does who knows the format: size and xxh3 digests are those of the new bytes,
/// and so is the BLAKE3 digest if `with_blake3`.
fn forge(checkpoint: &Path, with_blake3: bool) {
    let path = checkpoint.join("model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 0x11;
    std::fs::write(&path, &bytes).unwrap();
    let path = checkpoint.join("manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let sealed: Value = serde_json::from_str(&text).unwrap();
    let entry = |sealed: &Value, key: &str| {
        let objects = sealed["manifest"]["objects"].as_array().unwrap();
        let model = objects.iter().find(|object| object["name"] == "model.safetensors").unwrap();
        model[key].as_str().unwrap().to_owned()
    };
    let mut text = text.replace(&entry(&sealed, "digest"), &format!("{:016x}", digest(&bytes)));
    if with_blake3 {
        text = text.replace(&entry(&sealed, "blake3"), &Digest::of(&bytes).to_string());
    }
    let start = text.find("\"manifest\": ").unwrap() + "\"manifest\": ".len();
    let end = text.rfind('}').unwrap();
    let manifest = text[start..end].trim_end().to_owned();
    let seal = format!("\"xxh3\": \"{:016x}\"", digest(manifest.as_bytes()));
    let old = format!("\"xxh3\": \"{}\"", sealed["xxh3"].as_str().unwrap());
    std::fs::write(&path, text.replace(&old, &seal)).unwrap();
}

#[test]
fn a_signed_run_is_killed_and_resumed_and_everything_of_it_is_verified() {
    let place = Place::new();
    let experiment = place.experiment("run");
    let settings = [("STENTOR_SIGNING_KEY", place.path("keys/signing.key"))];
    let run = place.path("run");
    let mut cluster = Cluster::start(&experiment, &settings);
    wait_for("two checkpoints", || checkpoints(&run).len() >= 2);
    cluster.coordinator.kill();
    place.verify("run", &["keys"]).assert_whole();
    cluster.coordinator = coordinator(&experiment, cluster.listen, &settings);
    wait_for("the run's end", || cluster.has_ended_well());
    place.verify("run", &["keys"]).assert_whole();
    assert!(segments(&run).iter().any(|name| name.starts_with("000002-")), "{:?}", segments(&run));

    // Who has no key sees that there are signatures, and that nobody has checked them.
    let unchecked = place.verify("run", &[]);
    assert_eq!((unchecked.code, unchecked.signatures.as_str()), (0, "not-checked"));
    // A run that is not signed is none that a key accepts, nor is a set.
    let unsigned = place.experiment("unsigned");
    let mut cluster = Cluster::start(&unsigned, &[]);
    wait_for("the run's end", || cluster.has_ended_well());
    let found = place.verify("unsigned", &[]);
    assert_eq!((found.code, found.signatures.as_str()), (0, "none"));
    let found = place.verify("unsigned", &["keys"]);
    for object in ["signed.json", "events/000001-000000.jsonl", "/manifest.json", "final.json"] {
        found.assert_names(object, "sign");
    }
    place
        .verify("data/annotated", &["keys"])
        .assert_names("manifest.json", "sets of shards have no signatures");
}

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
fn a_run_that_was_not_signed_is_not_continued_as_a_signed_one() {
    let place = Place::new();
    let experiment = place.experiment("run");
    let mut cluster = Cluster::start(&experiment, &[]);
    wait_for("a checkpoint", || !checkpoints(&place.path("run")).is_empty());
    cluster.coordinator.kill();
    let settings = [("STENTOR_SIGNING_KEY", place.path("keys/signing.key"))];
    let (status, said) = coordinator(&experiment, free_address(), &settings).ended();
    assert_eq!(status.code(), Some(3), "{said}");
    assert!(said.contains("E0520") && said.contains("continue it without --signing-key"), "{said}");
    cluster.coordinator = coordinator(&experiment, cluster.listen, &[]);
    wait_for("the run's end", || cluster.has_ended_well());
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

#[test]
fn a_worker_of_an_earlier_release_is_told_why_it_cannot_join_a_signed_run() {
    let place = Place::new();
    let experiment = place.experiment("run");
    let listen = free_address();
    let settings = [("STENTOR_SIGNING_KEY", place.path("keys/signing.key"))];
    let _coordinator = coordinator(&experiment, listen, &settings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // As a program that does not know of digests asks.
    let request =
        || v1::JoinRequest { identity: "worker-0".into(), version: "0.1.0".into(), ..Default::default() };
    let mut answer = None;
    wait_for("the coordinator's answer", || {
        answer = runtime.block_on(async {
            let mut client = CoordinatorClient::connect(format!("http://{listen}")).await.ok()?;
            client.join(request()).await.err()
        });
        answer.is_some()
    });
    let status = answer.unwrap();
    assert_eq!(Refusal::of(&status), Some(Refusal::Excluded), "{status}");
    assert!(status.message().contains("reports BLAKE3 digests"), "{status}");
}
