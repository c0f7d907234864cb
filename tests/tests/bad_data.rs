//! Stories of data that have changed since they were written: real files, damaged for real, and real clusters on them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_shards::FeatureManifest;
use stentor_tests::{
    assert_finishes, audit, children, corpus, deployed_bytes, events, kill, program, start_training,
    wait_for, write_experiment,
};

/// Flips a bit in the middle of a row group; returns the bytes that were there before.
fn damage(set: &Path, manifest: &FeatureManifest, shard: usize, row_group: usize) -> (PathBuf, Vec<u8>) {
    let info = &manifest.shards[shard];
    let group = &info.row_groups[row_group];
    let path = set.join(&info.file);
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[(group.offset + group.bytes / 2) as usize] ^= 1;
    std::fs::write(&path, bad).unwrap();
    (path, good)
}

/// An experiment that puts up with `fraction` of bad frames.
fn experiment(folder: &Path, name: &str, fraction: f64, sections: &str) -> PathBuf {
    let path = write_experiment(folder, name, sections);
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("[features]", &format!("max_bad_fraction = {fraction}\n[features]"));
    std::fs::write(&path, text).unwrap();
    path
}

/// File and row group of each `quarantined` event.
fn quarantined(run: &Path) -> Vec<(String, u64)> {
    let events = events(run).into_iter().filter(|event| event["event"] == "quarantined");
    let mut found: Vec<_> = events
        .map(|event| {
            let file = event["file"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            assert!(event["reason"].as_str().unwrap().contains("checksum"), "{event}");
            assert!(event["worker"].as_str().unwrap().starts_with("worker-"), "{event}");
            (file, event["row_group"].as_u64().unwrap())
        })
        .collect();
    found.sort();
    found
}

/// A damaged row group is a whole unit here: all its batches are empty, in every strategy and every pass.
#[test]
fn a_run_on_damaged_shards_finishes_and_names_each_bad_row_group_once() {
    let (folder, manifest) = corpus();
    let set = folder.path().join("data/annotated");
    damage(&set, &manifest, 0, 2);
    damage(&set, &manifest, 1, 1);
    let expected = [("part-00000.parquet".to_owned(), 2), ("part-00001.parquet".to_owned(), 1)];
    for strategy in ["dense", "gtc", "bmuf"] {
        let sections = format!(
            "[schedule]\npasses = 4\nlearning_rate = 0.01\n[exchange]\nstrategy = \"{strategy}\"\n\
             [exchange.bmuf]\nblock = 2\n[exchange.gtc]\ndensity = 0.1\n[cluster]\ndigest_every = 1\n"
        );
        let experiment = experiment(folder.path(), strategy, 0.5, &sections);
        assert_finishes(start_training(&experiment, &["--threads", "1"]), &experiment);
        let run = folder.path().join(strategy);
        assert_eq!(quarantined(&run), expected, "{strategy}");
        // Empty batches are batches: each is committed once in each pass.
        let findings = audit(&run, &manifest);
        assert!(findings.is_clean(), "{strategy}: {findings:?}");
    }
}

#[test]
fn in_a_fixed_run_the_bits_do_not_depend_on_who_met_the_bad_row_group() {
    let (folder, manifest) = corpus();
    damage(&folder.path().join("data/annotated"), &manifest, 0, 3);
    let sections = "[schedule]\npasses = 12\nlearning_rate = 0.01\n[exchange]\nstrategy = \"gtc\"\n\
                    [cluster]\nmembership = \"fixed\"\ndigest_every = 1\n";
    let undisturbed = experiment(folder.path(), "undisturbed", 0.5, sections);
    assert_finishes(start_training(&undisturbed, &["--threads", "1"]), &undisturbed);

    let disturbed = experiment(folder.path(), "disturbed", 0.5, sections);
    let training = start_training(&disturbed, &["--threads", "1"]);
    let run = folder.path().join("disturbed");
    wait_for("the first checkpoint", || run.join("checkpoints").is_dir());
    kill(children(training.id(), &["--identity=worker-0"])[0]);
    assert_finishes(training, &disturbed);

    let same = deployed_bytes(&folder.path().join("undisturbed")) == deployed_bytes(&run);
    assert!(same, "the deployed parameters differ");
    assert_eq!(quarantined(&run), [("part-00000.parquet".to_owned(), 3)]);
}

#[test]
fn too_much_bad_data_ends_the_run_as_a_data_error_with_the_list() {
    let (folder, manifest) = corpus();
    damage(&folder.path().join("data/annotated"), &manifest, 0, 2);
    let experiment = experiment(folder.path(), "stopped", 0.01, "[schedule]\npasses = 2\n");
    let status = start_training(&experiment, &["--threads", "1"]).wait().unwrap();
    let log = std::fs::read_to_string(experiment.with_extension("log")).unwrap();
    assert_eq!(status.code(), Some(3), "{log}");
    for words in ["data.max_bad_fraction", "part-00000.parquet, row group 2", "stentor verify"] {
        assert!(log.contains(words), "`{words}` is not in\n{log}");
    }
    assert_eq!(quarantined(&folder.path().join("stopped")).len(), 1);
}

/// Nobody could go on without it, so the run stops; and the worker's verdict is the run's.
#[test]
fn a_data_file_that_is_gone_ends_the_run_as_a_data_error_with_its_name() {
    let (folder, manifest) = corpus();
    let gone = &manifest.shards[1].file;
    std::fs::remove_file(folder.path().join("data/annotated").join(gone)).unwrap();
    let experiment = write_experiment(folder.path(), "gone", "[schedule]\npasses = 2\n");
    let status = start_training(&experiment, &["--threads", "1"]).wait().unwrap();
    let log = std::fs::read_to_string(experiment.with_extension("log")).unwrap();
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(log.contains(gone), "`{gone}` is not in\n{log}");
}

/// Labels stand beside their features row by row, and frames that nobody can read have none: the labeler labels all it
/// can, names the rest, and goes on from there when the features are restored.
#[test]
fn the_labeler_names_bad_row_groups_and_takes_up_where_it_was_once_they_are_restored() {
    let (folder, manifest) = corpus();
    let trained = write_experiment(folder.path(), "teacher", "[schedule]\npasses = 1\n");
    assert_finishes(start_training(&trained, &["--threads", "1"]), &trained);
    let set = folder.path().join("data/annotated");
    let (path, good) = damage(&set, &manifest, 0, 2);
    let out = folder.path().join("labels");
    let label = || {
        let output = Command::new(program("stentor"))
            .arg("label")
            .arg("--model")
            .arg(folder.path().join("teacher"))
            .arg("--features")
            .arg(&set)
            .arg("--out")
            .arg(&out)
            .args(["--threads", "1", "--json"])
            .arg(folder.path().join("figures.json"))
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        (output.status.code(), words.into_owned())
    };

    let (code, words) = label();
    assert_eq!(code, Some(3), "{words}");
    assert!(words.contains("part-00000.parquet") && words.contains("row group 2"), "{words}");
    assert!(!out.join("manifest.json").exists() && !out.join("part-00000.parquet").exists());

    std::fs::write(path, good).unwrap();
    let (code, words) = label();
    assert_eq!(code, Some(0), "{words}");
    assert!(out.join("manifest.json").exists());
    let figures: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("figures.json")).unwrap()).unwrap();
    assert_eq!(figures["shards_found"], manifest.shards.len() as u64 - 1);
}
