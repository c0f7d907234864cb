//! What programs say to `--help` is kept in `tests/help`, a file for each program with all its commands: who changes the
//! words sees what people will read, and so does who reviews the change.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use stentor_tests::help::{first_difference, help_of_all};
use stentor_tests::observe::in_checkout;
use stentor_tests::{program, xtask};

/// Writes the files anew where it is set.
const RENEW: &str = "STENTOR_RENEW";

#[test]
fn every_program_and_command_says_to_help_what_is_kept() {
    let folder = in_checkout("tests/help");
    let renews = std::env::var_os(RENEW).is_some();
    std::fs::create_dir_all(&folder).unwrap();
    let (mut files, mut problems) = (BTreeSet::new(), Vec::new());
    let programs = ["stentor", "coordinator", "worker", "teacher-labeler"].map(|name| (name, program(name)));
    for (name, path) in programs.into_iter().chain([("cargo xtask", xtask())]) {
        let found = help_of_all(name, &path);
        let file = format!("{}.txt", name.replace(' ', "-"));
        if renews {
            std::fs::write(folder.join(&file), &found).unwrap();
        }
        // One that is not there yet differs in its first line.
        let kept = std::fs::read_to_string(folder.join(&file)).unwrap_or_default();
        let difference = first_difference(&kept, &found);
        problems.extend(difference.map(|words| format!("tests/help/{file}, {words}")));
        files.insert(file);
    }
    let there = std::fs::read_dir(&folder).unwrap().flatten();
    let there: BTreeSet<String> =
        there.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    problems.extend(there.difference(&files).map(|file| format!("tests/help/{file} belongs to no program")));
    assert!(
        problems.is_empty(),
        "help texts have changed:\n{}\nRead the new ones. If they are right, `{RENEW}=1 cargo xtask test --only tests` writes \
         them to tests/help; commit them with the change.",
        problems.join("\n")
    );
}
