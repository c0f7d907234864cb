//! Stories of places. Those that no start can mend are refused at once, by name, with the exit code that keeps a supervisor from
//! trying for ever; a home or a variable that no shell has read becomes no folder; blanks are letters like others; hosts
//! have names.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
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
fn an_output_that_is_no_folder_of_its_own_is_refused_by_name_and_nothing_is_written() {
    let (folder, _) = corpus();
    for (name, place) in [("here", "."), ("root", "/"), ("in-a-set", "data/dev/run")] {
        let experiment = experiment(folder.path(), name, place);
        let (none, listening): (&[&str], &[&str]) = (&[], &["--listen=127.0.0.1:0"]);
        let (check, train): (&[&str], &[&str]) = (&["config", "check"], &["train"]);
        let programs = [("stentor", check, none), ("stentor", train, none), ("coordinator", none, listening)];
        for (program_name, first, last) in programs {
            let (code, said) =
                ended(Command::new(program(program_name)).args(first).arg(&experiment).args(last));
            assert_eq!(code, Some(2), "{program_name}, {name}: {said}");
            let expected = format!("found `{place}`");
            assert!(
                said.contains("`run.output`: expected a separate folder for the run")
                    && said.contains(&expected),
                "{said}"
            );
        }
    }
    assert!(!folder.path().join("incarnations").exists() && !folder.path().join("data/dev/run").exists());
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

#[test]
fn a_set_or_a_start_that_is_not_there_is_named_with_its_key_and_the_experiment_file() {
    let (folder, _) = corpus();
    for (key, line) in [
        ("data.annotated", "annotated = \"data/annotated\"\n"),
        ("data.dev", "dev = \"data/dev\"\n"),
        ("model.start", "[model]\n"),
    ] {
        let experiment = write_experiment(folder.path(), key, BRIEF);
        let text = std::fs::read_to_string(&experiment).unwrap();
        let (_, name) = key.split_once('.').unwrap();
        let gone = format!("{name} = \"not/there\"\n");
        let gone = if line.starts_with('[') { format!("{line}{gone}") } else { gone };
        assert!(text.contains(line), "{text}");
        std::fs::write(&experiment, text.replace(line, &gone)).unwrap();
        let (code, said) = ended(Command::new(program("stentor")).arg("train").arg(&experiment));
        assert_eq!(code, Some(3), "{key}: {said}");
        for words in [&*format!("`{key}`: "), "not/there", &format!("{key}.toml")] {
            assert!(said.contains(words), "{words} is not in {said}");
        }
    }
}

#[test]
fn a_home_that_no_shell_has_read_is_refused_with_what_to_write_and_no_folder_is_made() {
    let (folder, _) = corpus();
    for (name, place) in [("home", "~/run"), ("variable", "$HOME/run")] {
        let experiment = experiment(folder.path(), name, place);
        let forecast = ["forecast", "--bandwidth=1gbit", "--rtt=1ms", "--batch-seconds=1"];
        for words in [["config", "check"].as_slice(), &["train"], &forecast] {
            let (code, said) = ended(Command::new(program("stentor")).args(words).arg(&experiment));
            assert_eq!(code, Some(2), "{words:?}, {name}: {said}");
            let expected = format!("`{place}`");
            assert!(said.contains("`run.output`: expected a folder") && said.contains(&expected), "{said}");
        }
    }
    let mut label = Command::new(program("stentor"));
    label.args(["label", "--model=~/model", "--features=data/dev", "--out=~/labels"]);
    let (code, said) = ended(label.current_dir(folder.path()));
    assert!(
        code == Some(2) && said.contains("E0201") && said.contains("write the folder out"),
        "{code:?}: {said}"
    );
    let made: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(made.iter().all(|name| !name.to_string_lossy().contains(['~', '$'])), "{made:?}");
}

#[test]
fn blanks_in_every_place_work_from_training_to_replay() {
    let (corpus, _) = corpus();
    let folder = corpus.path().join("my work (100 %) at home");
    std::fs::create_dir(&folder).unwrap();
    std::fs::rename(corpus.path().join("data"), folder.join("the data")).unwrap();
    let experiment = experiment(&folder, "a run", "all my runs/the first");
    let text = std::fs::read_to_string(&experiment).unwrap();
    let text = text.replace("name = \"a run\"", "name = \"run\"").replace("\"data/", "\"the data/");
    std::fs::write(&experiment, &text).unwrap();
    assert_finishes(start_training(&experiment, &["--threads", "1"]), &experiment);

    let second = folder.join("a second run.toml");
    let text = text.replace("the first", "the second");
    std::fs::write(&second, text.replace("[model]\n", "[model]\nstart = \"all my runs/the first\"\n"))
        .unwrap();
    assert_finishes(start_training(&second, &["--threads", "1"]), &second);
    let run = "all my runs/the second";
    let looks: [&[&str]; 5] = [
        &["label", "--model", run, "--features", "the data/dev", "--out", "my labels", "--threads", "1"],
        &[
            "evaluate",
            "--model",
            run,
            "--features",
            "the data/dev",
            "--json",
            "my figures.json",
            "--threads",
            "1",
        ],
        &["verify", run, "my labels", "the data/dev"],
        &["ledger", "audit", run],
        &["replay", run, "--round", "0"],
    ];
    for words in looks {
        let (code, said) = ended(Command::new(program("stentor")).args(words).current_dir(&folder));
        assert_eq!(code, Some(0), "{words:?}: {said}");
    }
    assert!(folder.join("my figures.json").is_file() && folder.join("my labels/manifest.json").is_file());
}

#[test]
fn a_listener_takes_a_host_by_name_and_says_what_it_expects() {
    let (folder, _) = corpus();
    let experiment = write_experiment(folder.path(), "named", BRIEF);
    let mut coordinator = Command::new(program("coordinator"));
    coordinator.arg(&experiment).args([
        "--listen",
        "localhost:0",
        "--metrics",
        "localhost:0",
        "--json-lines",
    ]);
    let mut coordinator = coordinator.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(coordinator.stdout.take().unwrap()).read_line(&mut line).unwrap();
    coordinator.kill().unwrap();
    coordinator.wait().unwrap();
    assert!(line.contains("http://127.0.0.1:"), "{line}");
    for (program_name, flag) in [
        ("coordinator", "--listen"),
        ("coordinator", "--metrics"),
        ("worker", "--metrics"),
        ("teacher-labeler", "--metrics"),
    ] {
        for (value, found) in [("localhost", "found no port"), ("no-such-host.invalid:1", "not a known host")]
        {
            let (code, said) = ended(Command::new(program(program_name)).args([flag, value]));
            assert_eq!(code, Some(2), "{program_name} {flag} {value}: {said}");
            assert!(said.contains("expected HOST:PORT") && said.contains(found), "{program_name}: {said}");
        }
    }
}
