//! Stories of output that cannot be written: full disks, readers that have gone. What was asked for is done all the same.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use stentor_tests::{corpus, program, write_experiment};

fn stentor(arguments: &[&str]) -> Command {
    let mut command = Command::new(program("stentor"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn full_disk() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// The end of a pipe to write into that nobody reads.
fn closed_pipe() -> std::io::PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Trains on pretended speech; `stentor train` and all that it starts write to what `streams` gives them.
fn train(folder: &Path, streams: impl FnOnce(&mut Command)) -> (PathBuf, PathBuf) {
    let experiment = write_experiment(folder, "run", "[schedule]\npasses = 2\n[cluster]\nworkers = 2\n");
    let json = folder.join("train.json");
    let mut command = stentor(&["train", experiment.to_str().unwrap(), "--threads", "1"]);
    command.arg("--json").arg(&json);
    streams(&mut command);
    let status = command.status().unwrap();
    assert!(status.success(), "{status}");
    (folder.join("run"), json)
}

fn assert_is_json(path: &Path, key: &str) {
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(!json[key].is_null(), "{json}");
}

#[test]
fn a_run_whose_messages_nobody_reads_finishes_and_leaves_its_figures() {
    let (folder, _) = corpus();
    let (_, json) = train(folder.path(), |command| {
        command.stdout(closed_pipe()).stderr(closed_pipe());
    });
    assert_is_json(&json, "checkpoint");
}

#[test]
fn a_full_disk_under_the_messages_ends_no_run_and_no_command_loses_its_files() {
    let (folder, _) = corpus();
    let (run, json) = train(folder.path(), |command| {
        command.stdout(full_disk()).stderr(full_disk());
    });
    assert_is_json(&json, "checkpoint");
    let (run, dev) = (run.to_str().unwrap(), folder.path().join("data/dev"));
    let figures = folder.path().join("figures.json");
    let evaluate =
        ["evaluate", "--features", dev.to_str().unwrap(), "--model", run, "--threads", "1", "--json"];
    let evaluate = [&evaluate[..], &[figures.to_str().unwrap()]].concat();
    for command in [&["inspect", run][..], &["ledger", "audit", run], &["verify", run], &evaluate] {
        // What was asked for is lost: an empty file must not pass for the answer.
        let output = stentor(command).stdout(full_disk()).stderr(Stdio::piped()).output().unwrap();
        let words = said(&output);
        assert_eq!(output.status.code(), Some(75), "{command:?}: {words}");
        assert!(
            words.contains("stentor: cannot write to standard output: No space left"),
            "{command:?}: {words}"
        );
        assert!(words.contains("output was lost [E1106]"), "{command:?}: {words}");
        // Messages are lost, and nothing else.
        let output = stentor(command).stdout(Stdio::piped()).stderr(full_disk()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command:?}");
        assert!(!output.stdout.is_empty(), "{command:?}");
        // `| head`, which has seen enough.
        let output = stentor(command).stdout(closed_pipe()).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), said(&output).contains("standard output")), (Some(0), false));
        if command[0] == "evaluate" {
            assert_is_json(&figures, "fer");
            std::fs::remove_file(&figures).unwrap();
        }
    }
}

#[test]
fn an_error_that_cannot_be_told_keeps_its_exit_code() {
    let output = stentor(&["config", "check", "/not/there.toml"]).stderr(full_disk()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_run_whose_figures_cannot_be_written_trains_to_its_end_and_says_so_in_words_and_code() {
    let (folder, _) = corpus();
    let experiment = write_experiment(folder.path(), "run", "[schedule]\npasses = 1\n");
    let mut command = stentor(&["train", experiment.to_str().unwrap(), "--threads", "1"]);
    let output = command.args(["--json", "/dev/full"]).output().unwrap();
    assert_eq!(output.status.code(), Some(75), "a disk may have space later: {}", said(&output));
    assert!(said(&output).contains("cannot write the run's figures") && said(&output).contains("/dev/full"));
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("checkpoint"),
        "the line is printed all the same"
    );
    assert!(folder.path().join("run/final.json").is_file());
}

#[test]
fn a_place_for_figures_that_can_hold_none_is_refused_before_anybody_works() {
    let (folder, _) = corpus();
    let experiment = write_experiment(folder.path(), "run", "[schedule]\npasses = 1\n");
    std::fs::write(folder.path().join("file"), b"no folder").unwrap();
    let (json, dev) = (folder.path().join("file/figures.json"), folder.path().join("data/dev"));
    let (experiment, dev) = (experiment.to_str().unwrap(), dev.to_str().unwrap());
    let forecast = ["forecast", experiment, "--bandwidth=1gbit", "--rtt=1ms", "--batch-seconds=1"];
    let labels = folder.path().join("labels").display().to_string();
    let label = ["label", "--model=nowhere", "--features", dev, "--out", &labels];
    let evaluate = ["evaluate", "--model=nowhere", "--features", dev];
    for command in [&["train", experiment][..], &evaluate, &forecast, &label] {
        let output = stentor(command).arg("--json").arg(&json).output().unwrap();
        let words = said(&output);
        assert!(output.status.code() == Some(2) && words.contains("figures.json"), "{command:?}: {words}");
    }
    assert!(!folder.path().join("run").exists() && !folder.path().join("labels").exists());
    let folders = folder.path().join("new/folder/figures.json");
    assert!(stentor(&forecast).arg("--json").arg(&folders).status().unwrap().success());
    assert_is_json(&folders, "advice");
}

#[test]
fn an_answer_that_a_full_disk_cannot_hold_ends_a_command_as_its_other_errors_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("text.txt"), "hold the line\nthe line\n").unwrap();
    let (text, model) = (at("text.txt"), at("lm.arpa"));
    let estimate = ["lm", "estimate", "--order=1", "--text", &text, "--out", &model];
    let perplexity = ["lm", "perplexity", "--text", &text, "--lm", &model];
    let score = ["score", "--format=text", "--reference", &text, "--hypothesis", &text];
    for command in [&estimate[..], &perplexity, &score] {
        let output = stentor(command).stdout(full_disk()).stderr(Stdio::piped()).output().unwrap();
        let words = said(&output);
        let line = words.lines().last().unwrap_or_default();
        assert!(
            line.starts_with("stentor: cannot write to standard output: No space left"),
            "{command:?}: {words}"
        );
        assert!(line.ends_with("[E1106]") && output.status.code() == Some(75), "{command:?}: {words}");
        let output = stentor(command).stdout(closed_pipe()).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), said(&output).contains("standard output")), (Some(0), false));
    }
}

#[test]
fn results_that_a_full_disk_cannot_hold_end_a_command_with_the_code_to_start_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.txt");
    std::fs::write(&text, "hold the line\nthe line\n").unwrap();
    let text = text.to_str().unwrap();
    let estimate = ["lm", "estimate", "--order=1", "--text", text];
    let score = ["score", "--format=text", "--reference", text, "--hypothesis", text];
    for (command, option) in [(&estimate[..], "--out"), (&score[..], "--json")] {
        let output = stentor(command).args([option, "/dev/full"]).output().unwrap();
        let words = said(&output);
        assert_eq!(output.status.code(), Some(75), "{command:?}: {words}");
        assert!(words.contains("/dev/full: No space left") && words.contains("[E1106]"), "{words}");
    }
}
