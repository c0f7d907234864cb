//! Signals to the program, while it listens to a stream.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod world;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use stentor_exit::ExitStatus;
use tempfile::TempDir;
use world::{bytes, contents, language, lexicon, settings, speak};

/// The program, listening to its standard input, and the folder of its model.
fn start(format: &str, output: Stdio) -> (TempDir, Child) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    contents(&lexicon(), &language(), &settings()).write(&model).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_stentor-transcribe"));
    command.args(["--format", format, "--model"]).args([model.as_os_str(), "-".as_ref()]);
    if format == "json" {
        command.args(["--partials", "60"]);
    }
    let program = command.stdin(Stdio::piped()).stdout(output).stderr(Stdio::piped()).spawn().unwrap();
    (folder, program)
}

fn signal(program: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &program.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_signal_ends_a_stream_with_the_words_of_the_utterance_in_progress() {
    for name in ["INT", "TERM"] {
        let (_folder, mut program) = start("json", Stdio::piped());
        // Open until the end: the stream goes on.
        let mut input = program.stdin.take().unwrap();
        input.write_all(&bytes(&speak("300 ab ba 200"))).unwrap();
        let mut output = BufReader::new(program.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("\"text\":\"ab ba\"") {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "the program has ended");
        }
        signal(&program, name);
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        let last: serde_json::Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last["text"]), (&"final".into(), &"ab ba".into()), "{rest}");
        let ended = program.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(i32::from(ExitStatus::Stopped.code())));
        let told = String::from_utf8(ended.stderr).unwrap();
        let expected = "stentor-transcribe: standard input: stopped by a signal after 1.";
        assert!(told.starts_with(expected) && told.trim_end().ends_with("[E1516]"), "{told}");
        drop(input);
    }
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    let (reader, mut output) = std::io::pipe().unwrap();
    // What a pipe holds: the words have no room, and nobody reads.
    output.write_all(&[b'\n'; 1 << 16]).unwrap();
    let (_folder, mut program) = start("text", output.into());
    let mut input = program.stdin.take().unwrap();
    // More than a pipe holds, so that the program has read some of it; without a pause, so that it has written nothing.
    input.write_all(&bytes(&speak(&format!("300 {}", "ab ba ".repeat(10))))).unwrap();
    signal(&program, "TERM");
    std::thread::sleep(Duration::from_millis(300));
    assert!(program.try_wait().unwrap().is_none(), "it waits for whoever reads");
    signal(&program, "INT");
    assert_eq!(program.wait().unwrap().code(), Some(128 + 2));
    drop(reader);
}
