//! Keys, data, runs, and what is said about their signatures.

use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use stentor_checkpoint::digest;
use stentor_signature::Digest;
use stentor_tests::running::{Running, free_address};
use stentor_tests::{corpus, program, wait_for, write_experiment};
use tempfile::TempDir;

/// Enough checkpoints for a run to be killed between two.
pub(super) const SECTIONS: &str =
    "[schedule]\npasses = 6\n[checkpoint]\ncount = 6\nkeep = 10\n[cluster]\nworkers = 1\nrestarts = 100\n";

/// Keys, data and runs in a folder.
pub(super) struct Place(pub(super) TempDir);

impl Place {
    pub(super) fn new() -> Self {
        let place = Self(corpus().0);
        place.new_key("keys");
        place
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn new_key(&self, name: &str) {
        let out = self.path(name);
        let output =
            Command::new(program("stentor")).arg("signing-key").arg("--out").arg(out).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    pub(super) fn experiment(&self, name: &str) -> PathBuf {
        write_experiment(self.0.path(), name, SECTIONS)
    }

    pub(super) fn verify(&self, run: &str, keys: &[&str]) -> Verdict {
        let mut command = Command::new(program("stentor"));
        command.arg("verify").arg("--json").arg(self.path(run));
        for key in keys {
            command.arg("--public-key").arg(self.path(key).join("signing.pub"));
        }
        Verdict::of(&command.output().unwrap())
    }

    /// The experiment of a run that starts from the model of another.
    pub(super) fn started_from(&self, name: &str, start: &str, sections: &str) -> PathBuf {
        let experiment = write_experiment(self.0.path(), name, sections);
        let text = std::fs::read_to_string(&experiment).unwrap();
        std::fs::write(&experiment, text.replace("[model]\n", &format!("[model]\nstart = \"{start}\"\n")))
            .unwrap();
        experiment
    }

    /// A run that has finished, signed with `keys`.
    pub(super) fn finished(&self, name: &str) -> PathBuf {
        self.finished_with(name, &[("STENTOR_SIGNING_KEY", self.path("keys/signing.key"))])
    }

    /// A run that has finished, whose coordinator had `settings`.
    pub(super) fn finished_with(&self, name: &str, settings: &[(&str, PathBuf)]) -> PathBuf {
        let mut cluster = Cluster::start(&self.experiment(name), settings);
        wait_for("the run's end", || cluster.has_ended_well());
        self.path(name)
    }
}

/// What `stentor verify` says.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) code: i32,
    pub(super) signatures: String,
    /// What is wrong, by object.
    pub(super) faults: Vec<(String, String)>,
}

impl Verdict {
    pub(super) fn of(output: &Output) -> Self {
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
    pub(super) fn assert_whole(&self) {
        assert_eq!((self.code, self.signatures.as_str()), (0, "checked"), "{:?}", self.faults);
    }

    /// Asserts that something is wrong, with these words about an object whose name has these.
    #[track_caller]
    pub(super) fn assert_names(&self, object: &str, words: &str) {
        assert_eq!(self.code, 3, "{:?}", self.faults);
        let named = self.faults.iter().any(|(name, fault)| name.contains(object) && fault.contains(words));
        assert!(named, "expected `{words}` about {object}, found {:#?}", self.faults);
    }
}

/// A coordinator and one worker.
pub(super) struct Cluster {
    pub(super) coordinator: Running,
    pub(super) worker: Running,
    pub(super) listen: SocketAddr,
}

impl Cluster {
    pub(super) fn start(experiment: &Path, settings: &[(&str, PathBuf)]) -> Self {
        let listen = free_address();
        let coordinator = coordinator(experiment, listen, settings);
        let mut worker = Command::new(program("worker"));
        worker.arg(format!("--coordinator=http://{listen}")).args(["--identity=worker-0", "--threads=1"]);
        let worker = Running::start(&mut worker, &experiment.with_extension("worker.log"));
        Self { coordinator, worker, listen }
    }

    pub(super) fn has_ended_well(&mut self) -> bool {
        self.worker.has_ended_well() & self.coordinator.has_ended_well()
    }
}

pub(super) fn coordinator(experiment: &Path, listen: SocketAddr, settings: &[(&str, PathBuf)]) -> Running {
    let mut command = Command::new(program("coordinator"));
    command.arg(experiment).arg(format!("--listen={listen}")).arg("--resume");
    command.envs(settings.iter().map(|(name, value)| (*name, value)));
    Running::start(&mut command, &experiment.with_extension("log"))
}

/// Names of the segments of the event log.
pub(super) fn segments(run: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(run.join("events")).unwrap().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Puts other parameters into a checkpoint, as somebody does who knows the format: size and xxh3 digests are those of the new bytes,
/// and so is the BLAKE3 digest if `with_blake3`.
pub(super) fn forge(checkpoint: &Path, with_blake3: bool) {
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
