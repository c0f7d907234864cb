//! Stories of places that no start can mend: each is refused at once, by name, with the exit code that keeps a supervisor from
//! trying for ever.

// Failing is how a test speaks.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use stentor_tests::{assert_finishes, corpus, program, start_training, write_experiment};

const BRIEF: &str = "[schedule]\npasses = 1\n[cluster]\nworkers = 1\n";

/// An experiment whose output is `place`.
fn experiment(folder: &Path, name: &str, place: &str) -> std::path::PathBuf {
    let experiment = write_experiment(folder, name, BRIEF);
    let text = std::fs::read_to_string(&experiment).unwrap();
    let output = format!("output = \"{name}\"");
    assert!(text.contains(&output));
    std::fs::write(&experiment, text.replace(&output, &format!("output = \"{place}\""))).unwrap();
    experiment
}

/// How a program ends, and all it says.
fn ended(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// A program for which permissions count: for root they do not, unless this is taken from it.
fn bound_by_permissions(name: &str) -> Command {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !is_root {
        return Command::new(program(name));
    }
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]);
    command.arg(program(name));
    command
}

#[test]
fn an_output_that_can_hold_nothing_ends_a_run_with_2_and_the_place() {
    let (folder, _) = corpus();
    std::fs::write(folder.path().join("file"), b"no folder").unwrap();
    let long = "n".repeat(300);
    for (name, place, id) in [
        ("below-a-file", "file/run", "E0207"),
        ("too-long", &*long, "E0207"),
        ("no-store", "foo://x", "E0201"),
    ] {
        let experiment = experiment(folder.path(), name, place);
        for (program_name, arguments) in [("coordinator", &["--listen=127.0.0.1:0"][..]), ("stentor", &[])] {
            let mut command = Command::new(program(program_name));
            if program_name == "stentor" {
                command.arg("train");
            }
            let (code, said) = ended(command.arg(&experiment).args(arguments));
            assert_eq!(code, Some(2), "{program_name}, {name}: {said}");
            assert!(said.contains(id) && said.contains(place), "{program_name}, {name}: {said}");
        }
    }
}

#[test]
fn a_place_that_may_not_be_written_ends_with_4_and_data_that_are_not_there_with_3() {
    let (folder, _) = corpus();
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o555)).unwrap();
    let experiment = experiment(folder.path(), "denied", "closed/run");
    for (program_name, first) in [("coordinator", &["--listen=127.0.0.1:0"][..]), ("stentor", &["train"])] {
        let (code, said) = ended(bound_by_permissions(program_name).args(first).arg(&experiment));
        assert_eq!(code, Some(4), "{program_name}: {said}");
        assert!(said.contains("E0205") && said.contains("closed/run"), "{program_name}: {said}");
    }
    let missing = write_experiment(folder.path(), "missing", BRIEF);
    std::fs::remove_dir_all(folder.path().join("data/dev")).unwrap();
    let (code, said) = ended(Command::new(program("stentor")).arg("train").arg(&missing));
    assert!(code == Some(3) && said.contains("data/dev"), "{code:?}: {said}");
}

#[test]
fn who_labels_replays_or_looks_into_such_a_place_ends_with_2_too() {
    let (folder, _) = corpus();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("file"), b"no folder").unwrap();
    let teacher = write_experiment(folder.path(), "teacher", BRIEF);
    assert_finishes(start_training(&teacher, &["--threads", "1"]), &teacher);
    let (model, features) = (at("teacher"), at("data/dev"));
    for (out, id) in
        [(at("file/labels"), "E0207"), (at(&"n".repeat(300)), "E0207"), ("foo://x".into(), "E0201")]
    {
        let mut command = Command::new(program("stentor"));
        command.args(["label", "--model", &model, "--features", &features, "--out", &out, "--threads", "1"]);
        let (code, said) = ended(&mut command);
        assert_eq!(code, Some(2), "{out}: {said}");
        assert!(said.contains(id) && said.contains(&out), "{out}: {said}");
    }
    let looks: [&[&str]; 5] = [
        &["stentor", "verify", "foo://x"],
        &["stentor", "inspect", "foo://x"],
        &["stentor", "ledger", "audit", "foo://x"],
        &["stentor", "replay", "foo://x", "--round", "0"],
        &["worker", "replay", "--run=foo://x", "--leases=[]", "--strategy=dense"],
    ];
    for words in looks {
        let (code, said) = ended(Command::new(program(words[0])).args(&words[1..]));
        assert_eq!(code, Some(2), "{words:?}: {said}");
        assert!(said.contains("there is no kind of store for `foo://`"), "{words:?}: {said}");
    }
}
