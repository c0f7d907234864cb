//! Helpers for tests across crates: the programs, a small synthetic corpus, runs of `stentor`.

// These are helpers of tests: a panic fails the test and shows where.
#![allow(clippy::unwrap_used)]

pub mod abuse;
pub mod browser;
pub mod cluster;
pub mod disk;
pub mod docs;
pub mod help;
pub mod observe;
pub mod prometheus;
pub mod running;
pub mod slurm;
pub mod speech;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use stentor_experiment::{Experiment, Features};
use stentor_inventory::{Inventory, Senone, SenoneId};
use stentor_plan::audit::{Audit, Extent, Findings};
use stentor_plan::{Catalogue, Plan, RowGroup};
use stentor_runlog::{Event, Timeline};
use stentor_shards::{FeatureManifest, FeatureRow, FeatureSetOptions, FeatureWriter, Normalisation, f16};
use stentor_store::Store;
use tempfile::TempDir;

/// The path of a program of the project, as `cargo xtask test` has built it.
///
/// # Panics
/// If `STENTOR_BIN` does not name the folder of the programs.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let folder = std::env::var("STENTOR_BIN").expect("STENTOR_BIN: run these tests by `cargo xtask test`");
    let path = PathBuf::from(folder).join(name);
    assert!(path.is_file(), "{} is not built", path.display());
    path
}

/// The program behind `cargo xtask`.
///
/// # Panics
/// Where `STENTOR_XTASK` does not name it.
#[must_use]
pub fn xtask() -> PathBuf {
    std::env::var("STENTOR_XTASK").expect("STENTOR_XTASK: run these tests by `cargo xtask test`").into()
}

const SENONES: usize = 6;

/// Writes an annotated feature set of synthetic speech: a random walk through senones, each with its own features.
///
/// # Panics
/// If the folder cannot be written.
pub async fn write_features(folder: &Path, utterances: usize, seed: u64) -> FeatureManifest {
    write_features_saying(folder, utterances, seed, |_| (0.2, 0.5)).await
}

/// Like [`write_features`], with given mean and deviation of each value of a frame in the manifest.
///
/// # Panics
/// If the folder cannot be written.
pub async fn write_features_saying(
    folder: &Path,
    utterances: usize,
    seed: u64,
    moments: impl Fn(usize) -> (f32, f32),
) -> FeatureManifest {
    let settings = Features { mel_bins: 8, ..Features::default() };
    write_features_of(folder, utterances, seed, moments, settings, SENONES).await
}

/// Like [`write_features_saying`], with `settings` and `count` senones.
///
/// # Panics
/// If the folder cannot be written.
pub async fn write_features_of(
    folder: &Path,
    utterances: usize,
    seed: u64,
    moments: impl Fn(usize) -> (f32, f32),
    settings: Features,
    count: usize,
) -> FeatureManifest {
    let dimension = settings.dimension();
    let senones = (0..count)
        .map(|i| Senone {
            name: format!("P{}.{}", i / 3, i % 3),
            phone: format!("P{}", i / 3),
            silence: i < 3,
            state: (i % 3) as u8,
        })
        .collect();
    let options = FeatureSetOptions {
        row_group_frames: 400,
        shard_frames: 4000,
        ..FeatureSetOptions::new(settings, Inventory::new(senones).unwrap(), 8000.0)
    };
    let mut writer =
        FeatureWriter::new(Store::open(&folder.display().to_string()).unwrap(), options).unwrap();
    let mut random = seed;
    let mut draw = || {
        // The linear congruential generator of Numerical Recipes is good enough for synthetic speech.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as f32 / (1u64 << 31) as f32
    };
    for number in 0..utterances {
        let frames = 60 + (draw() * 80.0) as usize;
        let mut senone = 0usize;
        let (mut features, mut alignment) = (Vec::new(), Vec::new());
        for _ in 0..frames {
            if draw() < 0.3 {
                senone = (draw() * count as f32) as usize % count;
            }
            alignment.push(SenoneId::new(senone as u16));
            let value = |d: usize, noise: f32| if d % count == senone { 1.0 } else { 0.0 } + noise;
            features.extend((0..dimension).map(|d| f16::from_f32(value(d, draw() - 0.5))));
        }
        let row = FeatureRow {
            utterance: format!("u{number:04}"),
            speaker: "s".into(),
            group: format!("g{}", number / 4),
            features,
            alignment: Some(alignment),
            text: None,
        };
        writer.push(row).await.unwrap();
    }
    let (mean, std) = (0..dimension).map(moments).unzip();
    let normalisation = Normalisation { mean, std };
    writer.finish(Some(normalisation), BTreeMap::new()).await.unwrap()
}

/// Makes a folder with `data/annotated` (60 utterances) and `data/dev` (12), and returns also the annotated set's
/// manifest.
///
/// # Panics
/// If the folder cannot be written.
#[must_use]
pub fn corpus() -> (TempDir, FeatureManifest) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let manifest = runtime.block_on(async {
        write_features(&folder.path().join("data/dev"), 12, 2).await;
        write_features(&folder.path().join("data/annotated"), 60, 1).await
    });
    (folder, manifest)
}

/// Writes an experiment on the synthetic speech in `folder` (`data/annotated`, `data/dev`), with `sections` added.
///
/// # Panics
/// If the file cannot be written.
#[must_use]
pub fn write_experiment(folder: &Path, name: &str, sections: &str) -> PathBuf {
    let text = format!(
        "[run]\nname = \"{name}\"\noutput = \"{name}\"\n\
         [data]\nannotated = \"data/annotated\"\ndev = \"data/dev\"\n[features]\nmel_bins = 8\n\
         [model]\nlayers = 1\nwidth = 16\n[batch]\nchunk_frames = 20\nleft_context = 5\nchunks = 4\nunit_batches = 4\n\
         {sections}"
    );
    let path = folder.join(format!("{name}.toml"));
    std::fs::write(&path, text).unwrap();
    path
}

/// Starts `stentor train` on an experiment file, with its output in a file beside it.
///
/// # Panics
/// If it cannot be started.
#[must_use]
pub fn start_training(experiment: &Path, options: &[&str]) -> Child {
    let log =
        std::fs::OpenOptions::new().create(true).append(true).open(experiment.with_extension("log")).unwrap();
    Command::new(program("stentor"))
        .arg("train")
        .arg(experiment)
        .args(options)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Waits at most two minutes until `child` ends, and asserts that it succeeded.
///
/// # Panics
/// If it does not end in time, or fails; the message shows its log.
pub fn assert_finishes(mut child: Child, experiment: &Path) {
    let started = Instant::now();
    loop {
        let log = || std::fs::read_to_string(experiment.with_extension("log")).unwrap_or_default();
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}\n{}", log());
            return;
        }
        if started.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("not finished in two minutes\n{}", log());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits at most a minute until `condition` holds.
///
/// # Panics
/// If it does not hold in time.
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(60), "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Process ids of the children of `parent` whose command line contains all of `words`.
///
/// # Panics
/// If /proc cannot be read.
#[must_use]
pub fn children(parent: u32, words: &[&str]) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name in parentheses may contain spaces; the parent is the second field after it.
        let own_parent =
            stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if own_parent == Some(parent) && words.iter().all(|word| line.contains(word)) {
            found.push(id);
        }
    }
    found
}

/// Sends SIGKILL to a process.
///
/// # Panics
/// If the process does not exist.
pub fn kill(id: u32) {
    signal(id, "KILL");
}

/// Sends SIGTERM to a process.
///
/// # Panics
/// If the process does not exist.
pub fn terminate(id: u32) {
    signal(id, "TERM");
}

/// Sends a signal, `STOP` for example, to a process.
///
/// # Panics
/// If the process does not exist.
pub fn signal(id: u32, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status().unwrap().success());
}

/// The parameters of a finished run's result, as bytes.
///
/// # Panics
/// If the run has none.
#[must_use]
pub fn deployed_bytes(run: &Path) -> Vec<u8> {
    let text = std::fs::read(run.join("final.json")).unwrap();
    let named: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let checkpoint = named["checkpoint"].as_str().unwrap();
    std::fs::read(run.join("checkpoints").join(checkpoint).join("model.safetensors")).unwrap()
}

/// Names of a run's published checkpoints, the newest last.
#[must_use]
pub fn checkpoints(run: &Path) -> Vec<String> {
    let folders = std::fs::read_dir(run.join("checkpoints")).into_iter().flatten().flatten();
    let whole = folders.filter(|folder| folder.path().join("manifest.json").is_file());
    let mut names: Vec<_> = whole.map(|folder| folder.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Copies a folder in place of what is there.
///
/// # Panics
/// If that fails.
pub fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

/// Checks that each batch of the run `FOLDER/run`, to which something happened, counted exactly once, and with `fixed` members that it
/// has the bits of a run with the same sections to which nothing does.
///
/// # Panics
/// If not; `what` happened.
pub fn assert_as_undisturbed(folder: &Path, manifest: &FeatureManifest, sections: &str, what: &str) {
    let findings = audit(&folder.join("run"), manifest);
    assert!(findings.is_clean(), "{what}: {findings:?}");
    if sections.contains("membership = \"fixed\"") {
        let quiet = write_experiment(folder, "quiet", sections);
        assert_finishes(start_training(&quiet, &["--threads", "1"]), &quiet);
        let [run, quiet] = ["run", "quiet"].map(|name| deployed_bytes(&folder.join(name)));
        assert!(run == quiet, "{what}: other bits");
    }
}

/// The summary of a run.
///
/// # Panics
/// If the run has none.
#[must_use]
pub fn summary(run: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(run.join("summary.json")).unwrap()).unwrap()
}

/// The event log of a run, as the coordinator wrote it, without signatures.
///
/// # Panics
/// If the log cannot be read.
#[must_use]
pub fn events(run: &Path) -> Vec<serde_json::Value> {
    let mut segments: Vec<_> =
        std::fs::read_dir(run.join("events")).unwrap().flatten().map(|e| e.path()).collect();
    segments.sort();
    let text = segments.iter().map(|segment| std::fs::read_to_string(segment).unwrap()).collect::<String>();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.filter(|line: &serde_json::Value| line["event"] != "signature").collect()
}

/// Audits a run: checks from its event log that each batch of each pass counted exactly once.
///
/// # Panics
/// If the log cannot be read.
#[must_use]
pub fn audit(run: &Path, manifest: &FeatureManifest) -> Findings {
    let text = std::fs::read_to_string(run.join("experiment.toml")).unwrap();
    let experiment = Experiment::parse(&text).unwrap();
    let groups = manifest.shards.iter().flat_map(|s| &s.row_groups);
    let row_groups = groups.map(|g| RowGroup { frames: g.frames, utterances: g.rows }).collect();
    let seed = experiment.run.seed;
    let plan =
        Plan::new(Catalogue { row_groups }, None, &experiment.batch, &experiment.schedule, seed).unwrap();
    let log: Vec<Event> = events(run).into_iter().map(|line| serde_json::from_value(line).unwrap()).collect();
    let mut audit = Audit::new(&plan);
    Timeline::of(&log).leases(&log).for_each(|lease| audit.record(lease));
    audit.findings(Extent::WholeRun)
}
