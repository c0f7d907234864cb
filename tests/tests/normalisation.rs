//! Means and deviations belong to the model: what the manifests of other sets say changes nothing, from labels to error
//! rates, and a run does not go on with means that are not its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_experiment::Features;
use stentor_shards::{FeatureManifest, f16};
use stentor_tests::{
    assert_finishes, corpus, deployed_bytes, program, start_training, write_experiment, write_features,
    write_features_of, write_features_saying,
};

/// Writes the same rows as `write_features`, under means and deviations as another delivery would have them.
fn write_under_other_means(folder: &Path, utterances: usize, seed: u64) -> FeatureManifest {
    let moments = |value: usize| (value as f32 * 0.3 - 2.0, 0.1 + value as f32 * 0.2);
    block_on(write_features_saying(folder, utterances, seed, moments))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn stentor(words: &[&str], paths: &[(&str, &Path)]) {
    let mut command = Command::new(program("stentor"));
    command.args(words);
    for (option, path) in paths {
        command.arg(option).arg(path);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The bytes of a label set's shards, in order.
fn shards(set: &Path) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(set).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "parquet"));
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn a_delivery_prepared_under_other_means_gets_the_same_labels_and_trains_the_same_student() {
    let (folder, _) = corpus();
    let at = |name: &str| folder.path().join(name);
    let teacher =
        write_experiment(folder.path(), "teacher", "[schedule]\npasses = 2\nlearning_rate = 0.01\n");
    assert_finishes(start_training(&teacher, &["--threads", "1"]), &teacher);
    let first = block_on(write_features(&at("data/first"), 30, 7));
    let later = write_under_other_means(&at("data/later"), 30, 7);
    assert_ne!(first.normalisation, later.normalisation);
    assert_eq!(first.shards, later.shards, "the rows must be the same");

    let mut students = Vec::new();
    for name in ["first", "later"] {
        let (features, labels) = (at("data").join(name), at("labels").join(name));
        let paths = [("--model", &*at("teacher")), ("--features", &features), ("--out", &labels)];
        stentor(&["label", "--threads", "1"], &paths);
        let figures = at(&format!("{name}.json"));
        let paths = [("--model", &*at("teacher")), ("--features", &features), ("--json", &figures)];
        stentor(&["evaluate", "--threads", "1"], &paths);

        let experiment =
            write_experiment(folder.path(), &format!("student-{name}"), "[schedule]\npasses = 1\n");
        let text = std::fs::read_to_string(&experiment).unwrap();
        let sets = format!("[data]\nunannotated = \"data/{name}\"\nlabels = \"labels/{name}\"\n");
        std::fs::write(&experiment, text.replace("[data]\n", &sets)).unwrap();
        assert_finishes(start_training(&experiment, &["--threads", "1"]), &experiment);
        students.push(deployed_bytes(&at(&format!("student-{name}"))));
    }
    let labels = shards(&at("labels/first"));
    assert!(!labels.is_empty() && labels == shards(&at("labels/later")), "the labels differ");
    let errors = |name: &str| {
        let figures: Value = serde_json::from_slice(&std::fs::read(at(name)).unwrap()).unwrap();
        (figures["frames"].clone(), figures["fer"].as_f64().unwrap())
    };
    assert_eq!(errors("first.json"), errors("later.json"));
    assert!(students[0] == students[1], "the students differ");
}

#[test]
fn dev_data_under_other_means_are_scored_with_the_models() {
    let scores = [false, true].map(|other| {
        let (folder, _) = corpus();
        if other {
            let dev = folder.path().join("data/dev");
            std::fs::remove_dir_all(&dev).unwrap();
            write_under_other_means(&dev, 12, 2);
        }
        let experiment =
            write_experiment(folder.path(), "run", "[schedule]\npasses = 2\nlearning_rate = 0.01\n");
        assert_finishes(start_training(&experiment, &["--threads", "1"]), &experiment);
        let summary = std::fs::read(folder.path().join("run/summary.json")).unwrap();
        let summary: Value = serde_json::from_slice(&summary).unwrap();
        summary["dev_frame_error"].as_f64().unwrap()
    });
    assert_eq!(scores[0], scores[1]);
}

#[test]
fn a_run_whose_annotated_set_has_got_other_means_is_not_gone_on_with() {
    let (folder, _) = corpus();
    let experiment = write_experiment(folder.path(), "run", "[schedule]\npasses = 1\n");
    assert_finishes(start_training(&experiment, &["--threads", "1"]), &experiment);
    let annotated = folder.path().join("data/annotated");
    std::fs::remove_dir_all(&annotated).unwrap();
    write_under_other_means(&annotated, 60, 1);
    let longer = write_experiment(folder.path(), "run", "[schedule]\npasses = 2\n");
    let status = start_training(&longer, &["--threads", "1", "--resume"]).wait().unwrap();
    let log = std::fs::read_to_string(longer.with_extension("log")).unwrap();
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(log.contains("E0503") && log.contains("other means and deviations"), "{log}");
}

#[test]
fn what_shards_hold_and_what_a_stream_brings_become_the_same_input_of_a_model_to_the_bit() {
    let moments = |value: usize| (value as f32 * 0.37 - 9.1, 0.1 + value as f32 * 0.213);
    let (mean, std): (Vec<f32>, Vec<f32>) = (0..24).map(moments).unzip();
    // Every 16-bit float that is a number; 24 values make a frame.
    let halves: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).filter(|value| value.is_finite()).collect();
    let halves = &halves[..halves.len() / 24 * 24];
    let expected = stentor_shards::Normalisation { mean: mean.clone(), std: std.clone() }.apply(halves);
    let mut found: Vec<f32> = halves.iter().map(|value| value.to_f32()).collect();
    stentor_checkpoint::Normalisation { mean, std }.apply(&mut found);
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert!(bits(&found) == bits(&expected));
}

#[test]
fn features_or_senones_that_a_model_does_not_know_are_refused_with_what_differs() {
    let (folder, _) = corpus();
    let at = |name: &str| folder.path().join(name);
    let teacher = write_experiment(folder.path(), "teacher", "[schedule]\npasses = 1\n");
    assert_finishes(start_training(&teacher, &["--threads", "1"]), &teacher);
    let eight = Features { mel_bins: 8, ..Features::default() };
    let slow = Features { hop_ms: 20, ..eight };
    for (name, settings, senones, expected, found) in
        [("slow", &slow, 6, "hop_ms = 10", "hop_ms = 20"), ("more", &eight, 9, "6 senones", "9 senones")]
    {
        block_on(write_features_of(&at(name), 8, 1, |_| (0.2, 0.5), settings.clone(), senones));
        // `evaluate` has its labels made by the same program, and ends as it does.
        for (command, out) in [("label", "--out"), ("evaluate", "--labels")] {
            let mut stentor = Command::new(program("stentor"));
            stentor.arg(command).arg("--model").arg(at("teacher")).arg("--features").arg(at(name));
            let output = stentor.arg(out).arg(at("labels")).output().unwrap();
            let words = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(3), "{name}: {words}");
            assert!(words.contains("E0703"), "{name}: {words}");
            assert!(words.contains(expected) && words.contains(found), "{name}: {words}");
        }
    }
}
