//! TensorBoard is pointed at a run: its own reader finds the figures of the event log, before and after a fall-back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use stentor_tests::cluster::Cluster;
use stentor_tests::{
    assert_finishes, corpus, events, program, start_training, summary, wait_for, write_experiment,
    write_features,
};

/// Step and value of each scalar, by tag, as TensorBoard's own reader gives them.
type Scalars = BTreeMap<String, Vec<(u64, f64)>>;

const READER: &str = "
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
found = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0})
found.Reload()
print(json.dumps({tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()['scalars']}))
";

fn read_back(run: &Path) -> Scalars {
    let python = std::env::var("STENTOR_PYTHON")
        .expect("STENTOR_PYTHON, an interpreter with tensorboard: run these tests by `cargo xtask test`");
    let output = Command::new(python).args(["-c", READER]).arg(run.join("tensorboard")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Some of the same figures from the event log, without what fall-backs made void.
fn logged(run: &Path, parameters: f64) -> Scalars {
    let mut found = Scalars::new();
    for event in events(run) {
        let number = |key: &str| event[key].as_f64().unwrap();
        let step = || event["committed_frames"].as_u64().unwrap();
        let mut add = |tag: &str, value: f64| found.entry(tag.to_owned()).or_default().push((step(), value));
        match event["event"].as_str().unwrap() {
            "round" => {
                for of in event["by_source"].as_array().unwrap() {
                    let source = of["source"].as_str().unwrap();
                    add(&format!("loss/{source}"), of["loss"].as_f64().unwrap());
                    if let Some(penalty) = of["penalty"].as_f64() {
                        add(&format!("penalty/{source}"), penalty);
                    }
                }
                add("exchange/bytes_per_frame", number("bytes_up") / number("frames"));
                if event["encoding"]["kind"] == "threshold" {
                    let values = parameters * event["contributors"].as_array().unwrap().len() as f64;
                    add("exchange/tau", event["encoding"]["tau"].as_f64().unwrap());
                    add("exchange/density", number("values_sent") / values);
                }
            }
            "dev" => {
                add("loss/dev", number("loss"));
                add("frame_error/dev", number("frame_error"));
            }
            "fell-back" => {
                let kept = step();
                found.values_mut().for_each(|points| points.retain(|(step, _)| *step <= kept));
            }
            _ => {}
        }
    }
    found
}

/// TensorBoard keeps values as f32.
fn assert_same(read: &Scalars, logged: &Scalars) {
    for (tag, expected) in logged {
        let found = read.get(tag).unwrap_or_else(|| panic!("{tag} is not among {:?}", read.keys()));
        let steps = |points: &[(u64, f64)]| points.iter().map(|p| p.0).collect::<Vec<_>>();
        assert_eq!(steps(found), steps(expected), "{tag}");
        for ((step, found), (_, expected)) in found.iter().zip(expected) {
            assert_eq!(*found as f32, *expected as f32, "{tag} at {step}");
        }
    }
}

fn parameters(run: &Path) -> f64 {
    let named: Value = serde_json::from_slice(&std::fs::read(run.join("final.json")).unwrap()).unwrap();
    let checkpoint = run.join("checkpoints").join(named["checkpoint"].as_str().unwrap());
    // The model's own header, before its values: every tensor is of f32.
    let bytes = std::fs::read(checkpoint.join("model.safetensors")).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    (bytes.len() - 8 - header) as f64 / 4.0
}

#[test]
fn tensorboard_reads_the_figures_of_a_run() {
    let (folder, _) = corpus();
    let sections = "[schedule]\npasses = 6\nlearning_rate = 0.01\nwarmup_fraction = 0.0\nfinal_fraction = 1.0\n\
                    [objective]\nl2 = 0.001\n[exchange]\nstrategy = \"gtc\"\n";
    let experiment = write_experiment(folder.path(), "curves", sections);
    assert_finishes(start_training(&experiment, &["--threads", "1"]), &experiment);
    let run = folder.path().join("curves");
    let read = read_back(&run);
    let logged = logged(&run, parameters(&run));
    let tags = ["loss/annotated", "penalty/annotated", "loss/dev", "frame_error/dev", "exchange/tau"];
    for tag in tags.into_iter().chain(["exchange/density"]) {
        assert!(logged.contains_key(tag), "{tag} is not among {:?}", logged.keys());
    }
    assert_same(&read, &logged);
    assert!(read["learning_rate/annotated"].iter().all(|(_, rate)| (rate - 0.01).abs() < 1e-8));
    assert!(read["penalty/annotated"].iter().all(|(_, penalty)| *penalty > 0.0 && *penalty < 1.0));
    assert!(!read.contains_key("penalty/dev"), "dev data are scored without the penalty");
}

/// A teacher and its labels of 30 other utterances, in `data/unannotated` and `labels`.
fn label(folder: &Path) {
    let teacher = write_experiment(folder, "teacher", "[schedule]\npasses = 2\nlearning_rate = 0.01\n");
    assert_finishes(start_training(&teacher, &["--threads", "1"]), &teacher);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(write_features(&folder.join("data/unannotated"), 30, 7));
    let mut command = Command::new(program("stentor"));
    command.args(["label", "--threads", "1", "--model"]).arg(folder.join("teacher"));
    command.arg("--features").arg(folder.join("data/unannotated")).arg("--out").arg(folder.join("labels"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_figures_of_a_block_of_both_sources_stand_under_the_source_that_they_are_of() {
    let (folder, _) = corpus();
    label(folder.path());
    let sections = "[schedule]\npasses = 3\ninterleave = \"batch\"\nlearning_rate = 0.01\nannotated_multiplier = 2.0\n\
                    warmup_fraction = 0.0\nfinal_fraction = 1.0\n\
                    [exchange]\nstrategy = \"bmuf\"\n[exchange.bmuf]\nblock = 6\n[cluster]\nworkers = 2\n";
    let experiment = write_experiment(folder.path(), "mixed", sections);
    let text = std::fs::read_to_string(&experiment).unwrap();
    let sets = "[data]\nunannotated = \"data/unannotated\"\nlabels = \"labels\"\n";
    std::fs::write(&experiment, text.replace("[data]\n", sets)).unwrap();
    assert_finishes(start_training(&experiment, &["--threads", "1"]), &experiment);
    let run = folder.path().join("mixed");

    // In the event log the parts of a block add up to the whole.
    let events = events(&run);
    let rounds: Vec<&Value> = events.iter().filter(|event| event["event"] == "round").collect();
    let mut frames = BTreeMap::<String, u64>::new();
    let mut mixed = 0;
    for round in &rounds {
        let parts = round["by_source"].as_array().unwrap();
        mixed += usize::from(parts.len() == 2);
        let of = |part: &Value| part["frames"].as_u64().unwrap();
        assert_eq!(parts.iter().map(of).sum::<u64>(), round["frames"].as_u64().unwrap());
        let nats = |part: &Value| part["loss"].as_f64().unwrap() * of(part) as f64;
        let (sum, whole) = (parts.iter().map(nats).sum::<f64>(), nats(round));
        assert!((sum - whole).abs() <= 1e-9 * whole.abs().max(1.0), "{sum} against {whole}");
        for part in parts {
            *frames.entry(part["source"].as_str().unwrap().to_owned()).or_default() += of(part);
        }
    }
    assert!(mixed * 2 > rounds.len(), "only {mixed} of {} blocks have both sources", rounds.len());

    // The summary has the sums, and TensorBoard a point of each source for each block.
    let summary = summary(&run);
    for (source, frames) in &frames {
        assert_eq!(summary["frames_by_source"][source].as_u64(), Some(*frames), "{source}");
    }
    let read = read_back(&run);
    let logged = logged(&run, parameters(&run));
    assert!(logged["loss/annotated"].len().min(logged["loss/machine-labeled"].len()) >= mixed);
    assert_same(&read, &logged);
    let rates = |source: &str| read[&format!("learning_rate/{source}")].iter().map(|(_, rate)| *rate);
    assert!(rates("machine-labeled").all(|rate| (rate - 0.01).abs() < 1e-8));
    assert!(rates("annotated").all(|rate| (rate - 0.02).abs() < 1e-8));
}

#[test]
fn after_a_fall_back_tensorboard_shows_only_what_counts() {
    let (folder, _) = corpus();
    let sections = "[schedule]\npasses = 30\nlearning_rate = 0.01\n[exchange]\nstrategy = \"bmuf\"\n\
                    [exchange.bmuf]\nblock = 2\n[cluster]\nworkers = 2\n[checkpoint]\ncount = 10\n";
    let experiment = write_experiment(folder.path(), "back", sections);
    let run = folder.path().join("back");
    let mut cluster = Cluster::start(&experiment, 2, &[]);
    let segments = || {
        let files = std::fs::read_dir(run.join("tensorboard")).into_iter().flatten().flatten();
        files.filter(|f| f.file_name().to_string_lossy().starts_with("events.out.tfevents.")).count()
    };
    wait_for("figures while the run goes on", || segments() > 0);
    cluster.kill_coordinator();
    cluster.restart_coordinator();
    wait_for("the end of the run", || run.join("summary.json").exists());
    let fell_back = events(&run).iter().any(|event| event["event"] == "fell-back");
    assert!(fell_back, "it was not disturbed");
    assert_same(&read_back(&run), &logged(&run, parameters(&run)));
}

#[test]
fn who_wants_no_files_for_tensorboard_gets_none() {
    let (folder, _) = corpus();
    let experiment = write_experiment(folder.path(), "plain", "[schedule]\npasses = 1\n");
    let text = std::fs::read_to_string(&experiment).unwrap();
    std::fs::write(&experiment, text.replace("[data]", "tensorboard = false\n[data]")).unwrap();
    assert_finishes(start_training(&experiment, &["--threads", "1"]), &experiment);
    assert!(!folder.path().join("plain/tensorboard").exists());
}
