//! Stories of commands that a signal or a full disk interrupts: what is left is whole, the exit code says whether starting again
//! helps, and the same command then ends with the result of an undisturbed one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use stentor_tests::disk::SmallDisk;
use stentor_tests::{
    assert_finishes, corpus, deployed_bytes, program, signal, start_training, wait_for, write_experiment,
    write_features,
};
use tempfile::TempDir;

/// A trained model, `teacher`, and a set of `utterances` that it has not seen, `data/more`: 4,000 frames to a shard.
fn teacher(utterances: usize) -> TempDir {
    let (folder, _) = corpus();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(write_features(&folder.path().join("data/more"), utterances, 3));
    let experiment = write_experiment(folder.path(), "teacher", "[schedule]\npasses = 1\n");
    assert_finishes(start_training(&experiment, &["--threads", "1"]), &experiment);
    folder
}

/// Every file below a folder with its bytes. Names with `#`, of unfinished files, no reader uses. A file that is renamed at this
/// moment is missing.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for path in std::fs::read_dir(&next).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = match std::fs::read(&path) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                    read => read.unwrap(),
                };
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), bytes);
            }
        }
    }
    found
}

fn is_unfinished(name: &Path) -> bool {
    name.to_string_lossy().contains('#')
}

fn is_shard(name: &Path) -> bool {
    name.extension().is_some_and(|extension| extension == "parquet")
}

/// Number of shards in a folder that may not exist yet.
fn shards_in(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| is_shard(&entry.path()) && !is_unfinished(&entry.path())).count()
}

/// Whether every file of `left` is one of `whole`, byte for byte.
fn assert_nothing_is_half_written(left: &BTreeMap<PathBuf, Vec<u8>>, whole: &BTreeMap<PathBuf, Vec<u8>>) {
    for (name, bytes) in left {
        assert!(whole.get(name) == Some(bytes), "{} is not as in an undisturbed job", name.display());
    }
}

fn start(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Sends `name` to a process once `when` holds, and returns how it ended; `None` if it had ended before.
fn interrupted(mut child: Child, name: &str, when: impl Fn() -> bool) -> Option<Output> {
    wait_for("the moment of the signal", || child.try_wait().unwrap().is_some() || when());
    if child.try_wait().unwrap().is_some() {
        assert!(child.wait_with_output().unwrap().status.success());
        return None;
    }
    signal(child.id(), name);
    Some(child.wait_with_output().unwrap())
}

/// A signal that asks to stop ends with 8; SIGKILL ends anything.
fn assert_ended_by(output: &Output, name: &str) {
    match name {
        "KILL" => assert_eq!(output.status.signal(), Some(9)),
        _ => assert_eq!(output.status.code(), Some(8), "{name}: {}", said(output)),
    }
}

/// Waits until no process has `folder` in its command line: children of a killed command end soon after it.
fn wait_for_children_of(folder: &Path) {
    let folder = folder.to_str().unwrap();
    wait_for("the children's end", || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
        !lines.map(|line| String::from_utf8_lossy(&line).into_owned()).any(|line| line.contains(folder))
    });
}

const SIGNALS: [&str; 3] = ["INT", "TERM", "KILL"];

#[test]
fn a_signal_to_label_leaves_whole_shards_and_the_next_call_finishes_with_the_labels_of_an_undisturbed_one() {
    let folder = teacher(2_000);
    let place = |name: &str| folder.path().join(name);
    let label = |out: &Path| {
        let mut command = Command::new(program("stentor"));
        command.arg("label").arg("--model").arg(place("teacher")).arg("--features").arg(place("data/more"));
        command.arg("--out").arg(out).args(["--threads", "1"]);
        command
    };
    assert!(label(&place("undisturbed")).output().unwrap().status.success());
    let whole = files(&place("undisturbed"));
    let all_shards = whole.keys().filter(|name| is_shard(name)).count();
    assert!(all_shards > 20, "too little to be interrupted");
    for name in SIGNALS {
        let out = place(&format!("labels-{name}"));
        let mut interruptions = 0;
        // At once, after the first shard, and in the middle.
        for shards in [0, 1, all_shards / 2] {
            let there = || shards_in(&out) >= shards;
            let Some(output) = interrupted(start(label(&out)), name, there) else { break };
            // A signal may come before anybody handles it, and then ends the command at once. But whoever was started in the
            // background by a shell ignores SIGINT until then.
            if shards == 0 && output.status.success() {
                assert!(files(&out) == whole, "{name}: an ignored signal changes nothing");
                std::fs::remove_dir_all(&out).unwrap();
                continue;
            }
            if shards > 0 {
                assert_ended_by(&output, name);
                interruptions += 1;
            }
            wait_for_children_of(&out);
            let mut left = files(&out);
            assert!(
                !left.contains_key(Path::new("manifest.json")),
                "{name} after {shards} of {all_shards} shards: it was not interrupted, and ended with {:?}: {}",
                output.status,
                said(&output)
            );
            if name == "KILL" {
                left.retain(|name, _| !is_unfinished(name));
            }
            assert_nothing_is_half_written(&left, &whole);
        }
        assert!(interruptions > 0, "{name}: it has always finished before the signal");
        let output = label(&out).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{name}: {}", said(&output));
        let mut labels = files(&out);
        labels.retain(|name, _| !is_unfinished(name));
        assert!(labels == whole, "{name}: other labels than those of an undisturbed job");
    }
}

#[test]
fn a_signal_to_evaluate_leaves_no_figures_and_no_scratch_and_the_next_call_finishes_with_equal_figures() {
    let folder = teacher(2_000);
    let place = |name: &str| folder.path().join(name);
    std::fs::create_dir(place("scratch")).unwrap();
    let evaluate = |json: &Path, labels: Option<&Path>| {
        let mut command = Command::new(program("stentor"));
        command
            .arg("evaluate")
            .arg("--model")
            .arg(place("teacher"))
            .arg("--features")
            .arg(place("data/more"));
        command.arg("--json").arg(json).args(["--threads", "1"]).env("TMPDIR", place("scratch"));
        if let Some(labels) = labels {
            command.arg("--labels").arg(labels);
        }
        command
    };
    let figures = |json: &Path| {
        let mut figures: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
        // The speed of the labeler is that of each call.
        for key in ["labeler", "audio_hours_per_s"] {
            figures.as_object_mut().unwrap().remove(key);
        }
        figures
    };
    assert!(evaluate(&place("undisturbed.json"), Some(&place("undisturbed"))).status().unwrap().success());
    let (expected, whole) = (figures(&place("undisturbed.json")), files(&place("undisturbed")));
    assert!(expected["frames"]["errors"].as_u64().unwrap() > 0, "{expected}");
    for name in SIGNALS {
        let (json, labels) = (place(&format!("{name}.json")), place(&format!("labels-{name}")));
        let shards = |folder: &Path| files(folder).keys().filter(|name| is_shard(name)).count();
        // Labels that are kept, and labels in a scratch folder.
        for (labels, written) in [(Some(&*labels), &*labels), (None, &*place("scratch"))] {
            let output = interrupted(start(evaluate(&json, labels)), name, || shards(written) > 0);
            assert_ended_by(&output.expect("it finished before the signal"), name);
            wait_for_children_of(&place("data/more"));
            assert!(!json.exists(), "{name}: figures of an interrupted evaluation");
            if name != "KILL" {
                assert_eq!(files(&place("scratch")), BTreeMap::new(), "{name}");
            }
        }
        let mut left = files(&labels);
        assert!(!left.contains_key(Path::new("manifest.json")), "{name}: it was not interrupted");
        left.retain(|file, _| name != "KILL" || !is_unfinished(file));
        assert_nothing_is_half_written(&left, &whole);
        let output = evaluate(&json, Some(&labels)).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{name}: {}", said(&output));
        assert_eq!(figures(&json), expected, "{name}");
        // What a killed evaluation had left is gone, too.
        assert_eq!(files(&place("scratch")), BTreeMap::new(), "{name}");
    }
}

/// A corpus of `clips` clips of two tones with its phones.
fn tones(folder: &Path, clips: usize) {
    let (mut scp, mut text, mut ctm) = (String::new(), String::new(), String::new());
    std::fs::create_dir_all(folder).unwrap();
    for clip in 0..clips {
        let sample = |i: usize| {
            let hz = if i < 8_000 { 300.0 } else { 2_000.0 };
            let wave = (std::f64::consts::TAU * hz * i as f64 / 16_000.0).sin();
            (8_000.0 * wave) as i16 + ((i * 7_919 + clip) % 61) as i16
        };
        let mut bytes =
            b"RIFF\x24\x7d\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data".to_vec();
        bytes.extend(32_000u32.to_le_bytes());
        bytes.extend((0..16_000).flat_map(|i| sample(i).to_le_bytes()));
        std::fs::write(folder.join(format!("u{clip:02}.wav")), bytes).unwrap();
        writeln!(scp, "u{clip:02} u{clip:02}.wav").unwrap();
        writeln!(text, "u{clip:02} LOW HIGH").unwrap();
        writeln!(ctm, "u{clip:02} 1 0 0.5 LOW\nu{clip:02} 1 0.5 0.5 HIGH").unwrap();
    }
    for (name, table) in [("wav.scp", scp), ("text", text), ("phones.ctm", ctm)] {
        std::fs::write(folder.join(name), table).unwrap();
    }
}

/// Every command that writes sets: 75 on a full disk with the system's words, nothing half-written, and with space the result of
/// a disk that was never full.
#[test]
fn a_disk_that_is_full_under_prepare_label_or_evaluate_ends_them_with_75_and_they_continue_with_space() {
    let folder = teacher(200);
    let place = |name: &str| folder.path().join(name).display().to_string();
    tones(&folder.path().join("tones"), 40);
    let (tones, ctm) = (place("tones"), place("tones/phones.ctm"));
    let (model, features) = (place("teacher"), place("data/more"));
    let commands: [(&[&str], &str); 3] = [
        (&["prepare", "--corpus", &tones, "--phones", &ctm, "--annotated", "0.4", "--jobs", "1"], "--out"),
        (&["label", "--model", &model, "--features", &features, "--threads", "1"], "--out"),
        (&["evaluate", "--model", &model, "--features", &features, "--threads", "1"], "--labels"),
    ];
    for (command, out) in commands {
        let name = command[0];
        let (mount, calm) = (folder.path().join(format!("{name}-disk")), place(&format!("{name}-calm")));
        std::fs::create_dir(&mount).unwrap();
        let undisturbed = Command::new(program("stentor")).args(command).args([out, &calm]).output().unwrap();
        assert!(undisturbed.status.success(), "{name}: {}", said(&undisturbed));
        let disk = SmallDisk::at(&mount, 16_384);
        let on_disk = || {
            let target = mount.join("out");
            disk.program(&program("stentor")).args(command).arg(out).arg(target).output().unwrap()
        };
        disk.fill();
        let output = on_disk();
        assert_eq!(output.status.code(), Some(75), "{name}: {}", said(&output));
        assert!(said(&output).contains("No space left"), "{name}: {}", said(&output));
        let out = disk.seen_from_outside().join("out");
        let left: Vec<PathBuf> = files(&out).into_keys().collect();
        assert!(!left.iter().any(|name| is_shard(name) || is_unfinished(name)), "{name}: {left:?}");
        disk.clear();
        let output = on_disk();
        assert_eq!(output.status.code(), Some(0), "{name}: {}", said(&output));
        let sets = |folder: &Path| {
            let mut files = files(folder);
            // The summary of a preparation has its times.
            files.retain(|name, _| name != Path::new("prepare.json"));
            files
        };
        assert!(sets(&out) == sets(Path::new(&calm)), "{name}: the results differ");
    }
}

#[test]
fn a_disk_that_fills_up_under_train_ends_it_with_5_and_it_resumes_with_space_to_the_same_bits() {
    let (folder, _) = corpus();
    let disk_at = folder.path().join("disk");
    std::fs::create_dir(&disk_at).unwrap();
    let sections = "[schedule]\npasses = 40\nlearning_rate = 0.01\n[checkpoint]\ncount = 10\n\
                    [cluster]\nworkers = 2\nmembership = \"fixed\"\nrestarts = 0\n";
    let undisturbed = write_experiment(folder.path(), "undisturbed", sections);
    assert_finishes(start_training(&undisturbed, &["--threads", "1"]), &undisturbed);

    let disk = SmallDisk::at(&disk_at, 16_384);
    let experiment = write_experiment(folder.path(), "full", sections);
    let text = std::fs::read_to_string(&experiment).unwrap();
    std::fs::write(&experiment, text.replace("output = \"full\"", "output = \"disk/run\"")).unwrap();
    let train = || {
        let mut command = disk.program(&program("stentor"));
        command.arg("train").arg(&experiment).args(["--threads", "1"]);
        command
    };
    let run = disk.seen_from_outside().join("run");
    let published = || {
        let checkpoints = std::fs::read_dir(run.join("checkpoints")).into_iter().flatten().flatten();
        checkpoints.filter(|checkpoint| checkpoint.path().join("manifest.json").is_file()).count()
    };
    let training = start(train());
    wait_for("a checkpoint", || published() > 0);
    disk.fill();
    let since = Instant::now();
    let output = training.wait_with_output().unwrap();
    let words = said(&output);
    assert_eq!(output.status.code(), Some(5), "{words}");
    assert!(since.elapsed() < Duration::from_secs(60), "it ended only after {:?}", since.elapsed());
    for expected in ["No space left on device", "exit status: 75", "continue with --resume"] {
        assert!(words.contains(expected), "`{expected}` is not in\n{words}");
    }
    assert!(!run.join("final.json").exists(), "it finished before the disk was full");
    assert!(!files(&run).keys().any(|name| is_unfinished(name)), "a half-written file");

    disk.clear();
    let output = train().arg("--resume").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(deployed_bytes(&run) == deployed_bytes(&folder.path().join("undisturbed")), "the bits differ");
    for check in [&["verify"][..], &["ledger", "audit"]] {
        let output = disk.program(&program("stentor")).args(check).arg(disk_at.join("run")).output().unwrap();
        assert!(output.status.success(), "{check:?}: {}", said(&output));
    }
}
