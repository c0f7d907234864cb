//! Comfort of the command line, with real shells.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_tests::observe::in_checkout;
use stentor_tests::{assert_finishes, corpus, help, program, start_training, write_experiment};

fn stentor(arguments: &[&str]) -> String {
    let output = Command::new(program("stentor")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_forecast_is_still_found_under_its_old_name() {
    assert_eq!(stentor(&["plan", "--help"]), stentor(&["forecast", "--help"]));
}

/// Commands that `stentor --help` lists.
fn commands() -> BTreeSet<String> {
    help::commands(&stentor(&["--help"])).into_iter().collect()
}

#[test]
fn bash_completes_commands_options_and_words() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stentor");
    std::fs::write(&file, stentor(&["completions", "bash"])).unwrap();
    let complete = |words: &[&str]| -> BTreeSet<String> {
        let script = format!(
            "source '{}'\nCOMP_WORDS=({})\nCOMP_CWORD={}\n_stentor stentor \"${{COMP_WORDS[COMP_CWORD]}}\" \"\"\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
            file.display(),
            words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
            words.len() - 1
        );
        let output = Command::new("bash").args(["--norc", "-c", &script]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(complete(&["stentor", "trai"]), ["train".to_owned()].into());
    assert!(complete(&["stentor", "train", "--re"]).contains("--resume"));
    assert!(
        complete(&["stentor", "completions", ""])
            .is_superset(&["bash", "zsh", "fish"].map(str::to_owned).into())
    );
    assert!(complete(&["stentor", ""]).is_superset(&commands()));
}

#[test]
fn zsh_and_fish_get_scripts_that_name_every_command() {
    for shell in ["zsh", "fish"] {
        let script = stentor(&["completions", shell]);
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    stentor(&["man", &folder.path().display().to_string()]);
    let commands = commands();
    assert!(commands.len() >= 15, "{commands:?}");
    for command in commands {
        let page = std::fs::read_to_string(folder.path().join(format!("stentor-{command}.1")));
        let page = page.unwrap_or_else(|problem| panic!("{command}: {problem}"));
        assert!(page.contains(".TH") && page.contains("SYNOPSIS"), "{command}: {page}");
    }
    let train = std::fs::read_to_string(folder.path().join("stentor-train.1")).unwrap();
    assert!(train.contains("resume"), "{train}");
}

/// Rust files below a folder of the checkout.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| match path.is_dir() {
        true => sources(&path),
        false => vec![path],
    });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The error types that can end a program: files that implement `ProgramError`, and their text.
fn program_errors() -> Vec<(PathBuf, String)> {
    let folders = ["crates", "shards", "proto", "coordinator", "worker", "teacher-labeler"];
    let files = folders.into_iter().flat_map(|folder| sources(&in_checkout(folder)));
    let texts = files.map(|file| (file.clone(), std::fs::read_to_string(file).unwrap()));
    texts.filter(|(_, text)| text.contains("impl ProgramError for ")).collect()
}

/// Ids of errors: in the code `=> "E0101"`, on the page `` `E0101` `` at the beginning of a line of a table. The compiler sees
/// that every variant has one, for matches without a wildcard.
#[test]
fn every_error_that_ends_a_program_has_an_id_of_its_own_and_a_line_on_the_page() {
    let mut in_code = BTreeSet::new();
    let commands = in_checkout("crates/stentor/src/exit.rs");
    let text = std::fs::read_to_string(&commands).unwrap();
    let errors = program_errors();
    assert!(errors.len() >= 11, "{errors:?}");
    for (file, text) in errors.into_iter().chain([(commands, text)]) {
        let file = file.display();
        // An arm may stand on one line, or its id in braces on the next one; a type with one id has no arms.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = text.replace("=> { \"E", "=> \"E").replace("-> &'static str { \"E", "=> \"E");
        assert!(!text.contains("_ => \"E"), "{file}: variants share an id by a wildcard");
        for id in text.split("=> \"E").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(in_code.insert(format!("E{id}")), "{file}: E{id} is given twice");
        }
    }
    let page = std::fs::read_to_string(in_checkout("docs/errors.md")).unwrap();
    let lines = page.lines().filter_map(|line| line.strip_prefix("| `E")?.split('`').next());
    let on_page: BTreeSet<String> = lines.map(|id| format!("E{id}")).collect();
    assert!(in_code.len() > 90, "{in_code:?}");
    assert_eq!(on_page, in_code, "docs/errors.md against the code");
}

#[test]
fn stentor_recognises_the_errors_of_every_crate_that_gives_them_ids() {
    let recognised = std::fs::read_to_string(in_checkout("crates/stentor/src/exit.rs")).unwrap();
    // The other programs' errors never reach `stentor`, which starts them.
    let programs = ["coordinator", "worker", "teacher-labeler"].map(in_checkout);
    for (file, text) in program_errors() {
        if programs.iter().any(|program| file.starts_with(program)) {
            continue;
        }
        let source = file.ancestors().find(|folder| folder.ends_with("src")).unwrap();
        let of_the_crate = source.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let module = file.strip_prefix(source).unwrap().parent().unwrap().to_str().unwrap();
        // A crate's root exports what its folder `error` has.
        let module = if ["", "error"].contains(&module) { String::new() } else { format!("{module}::") };
        let name =
            text.split("impl ProgramError for ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
        let root = match of_the_crate {
            "stentor" => "crate".to_owned(),
            name => format!("stentor_{name}"),
        };
        let expected = format!("is::<{root}::{module}{name}>");
        assert!(recognised.contains(&expected), "expected {expected} in crates/stentor/src/exit.rs");
    }
}

#[test]
fn a_bidirectional_model_whose_chunks_have_nothing_after_them_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("teacher.toml");
    let words = |right_context: u32| {
        let text = format!(
            "[run]\nname = \"a\"\noutput = \"b\"\n[data]\nannotated = \"c\"\n[model]\npreset = \"teacher-78m\"\n\
             [batch]\nright_context = {right_context}\n"
        );
        std::fs::write(&file, text).unwrap();
        let check = Command::new(program("stentor")).args(["config", "check"]).arg(&file).output().unwrap();
        assert!(check.status.success());
        String::from_utf8(check.stderr).unwrap()
    };
    assert!(words(0).contains("warning: `batch.right_context` is 0"), "{}", words(0));
    assert!(!words(10).contains("warning"), "{}", words(10));
    assert!(words(10).contains("note: the data were not checked"), "{}", words(10));
}

#[test]
fn the_check_of_an_experiment_refuses_a_kind_of_store_that_does_not_exist() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("foo.toml");
    std::fs::write(&file, "[run]\nname = \"a\"\noutput = \"foo://runs\"\n[data]\nannotated = \"c\"\n")
        .unwrap();
    let check = Command::new(program("stentor")).args(["config", "check"]).arg(&file).output().unwrap();
    let said = String::from_utf8(check.stderr).unwrap();
    assert!(check.status.code() == Some(2) && said.contains("E0201") && said.contains("foo://"), "{said}");
}

#[test]
fn a_run_of_few_steps_is_warned_of_by_the_check_and_at_its_start() {
    let (folder, _) = corpus();
    let experiment = write_experiment(folder.path(), "few", "[schedule]\npasses = 1\n");
    let warning = "expected at least 100 steps in the whole run";
    let check = Command::new(program("stentor")).args(["config", "check"]).arg(&experiment).output().unwrap();
    let said = String::from_utf8(check.stderr).unwrap();
    assert!(check.status.success() && said.contains(warning), "{said}");
    assert_finishes(start_training(&experiment, &["--threads", "1"]), &experiment);
    let log = std::fs::read_to_string(experiment.with_extension("log")).unwrap();
    assert!(log.contains(warning), "{log}");
}

#[test]
fn numbers_out_of_their_bounds_are_refused_with_the_bounds_before_anything_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.toml");
    std::fs::write(&file, "[run]\nname = \"a\"\noutput = \"b\"\n[data]\nannotated = \"c\"\n").unwrap();
    for (arguments, expected) in [
        (["--threads", "0"], "from 1 to 1024"),
        (["--threads", "5000"], "from 1 to 1024"),
        (["--metrics", "127.0.0.1:65535"], "expected a port of at most 65533"),
    ] {
        let train =
            Command::new(program("stentor")).arg("train").arg(&file).args(arguments).output().unwrap();
        let words = String::from_utf8_lossy(&train.stderr).into_owned();
        assert!(train.status.code() == Some(2) && words.contains(expected), "{arguments:?}: {words}");
    }
    let worker = ["--coordinator", "http://127.0.0.1:1", "--identity", "a", "--threads", "5000"];
    let worker = Command::new(program("worker")).args(worker).output().unwrap();
    let words = String::from_utf8_lossy(&worker.stderr).into_owned();
    assert!(worker.status.code() == Some(2) && words.contains("0..=1024"), "{words}");
}

#[test]
fn whoever_meets_an_error_is_told_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.toml");
    std::fs::write(
        &file,
        "[run]\nname = \"a\"\noutput = \"b\"\n[data]\nannotated = \"c\"\n[schedule]\npases = 1\n",
    )
    .unwrap();
    let stentor = Command::new(program("stentor")).args(["config", "check"]).arg(&file).output().unwrap();
    let coordinator =
        Command::new(program("coordinator")).arg(&file).args(["--listen", "127.0.0.1:0"]).output().unwrap();
    for output in [stentor, coordinator] {
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.contains("E0102") && words.contains("`passes`"), "{words}");
    }
}

#[test]
fn the_help_of_a_command_that_another_program_does_names_the_command() {
    let help = stentor(&["label", "--help"]);
    assert!(help.contains("Usage: stentor label ") && !help.contains("Usage: teacher-labeler"), "{help}");
}

#[test]
fn a_build_with_debug_assertions_says_so_and_how_to_get_one_without() {
    for name in ["stentor", "coordinator", "worker", "teacher-labeler"] {
        let output = Command::new(program(name)).arg("--version").output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.trim(), format!("{name} {}", stentor_runtime::VERSION));
        // These tests run the same kind of build as the programs that they start.
        assert!(said.contains("debug assertions") && said.contains("programs --release"), "{said}");
    }
}
