//! Stories of runs that start from a trained model: its weights and its means, whatever the strategy; what does not fit is
//! refused before anybody works; and what a run started from stays with it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_checkpoint::{DeployedModel, NamedTensor};
use stentor_experiment::Features;
use stentor_store::Store;
use stentor_tests::{
    assert_finishes, checkpoints, copy, corpus, deployed_bytes, events, program, start_training, summary,
    wait_for, write_experiment, write_features_of, write_features_saying,
};
use tempfile::TempDir;

/// So small a step that no weight moves: what comes out is what the run began with.
const STILL: &str = "[schedule]\npasses = 1\nlearning_rate = 1e-30\n";

/// Another delivery's means and deviations.
fn other_moments(value: usize) -> (f32, f32) {
    (value as f32 * 0.3 - 2.0, 0.1 + value as f32 * 0.2)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The corpus, and the run `first` that has learned from it; it keeps all of its checkpoints.
fn first_run() -> TempDir {
    let (folder, _) = corpus();
    let sections = "[schedule]\npasses = 4\nlearning_rate = 0.01\n[checkpoint]\ncount = 4\nkeep = 10\n";
    let experiment = write_experiment(folder.path(), "first", sections);
    assert_finishes(start_training(&experiment, &["--threads", "1"]), &experiment);
    folder
}

/// An experiment that starts from a model, `keys` added to `[model]`.
fn experiment_from(folder: &Path, name: &str, start: &str, keys: &str, sections: &str) -> PathBuf {
    let experiment = write_experiment(folder, name, sections);
    let text = std::fs::read_to_string(&experiment).unwrap();
    std::fs::write(&experiment, text.replace("[model]\n", &format!("[model]\nstart = \"{start}\"\n{keys}")))
        .unwrap();
    experiment
}

fn train(experiment: &Path) {
    assert_finishes(start_training(experiment, &["--threads", "1"]), experiment);
}

/// How `stentor train` ends, and all it says.
fn refused(experiment: &Path, options: &[&str]) -> (Option<i32>, String) {
    let status = start_training(experiment, options).wait().unwrap();
    (status.code(), std::fs::read_to_string(experiment.with_extension("log")).unwrap())
}

fn model(run: &Path) -> DeployedModel {
    block_on(DeployedModel::load(&Store::open(run.to_str().unwrap()).unwrap())).unwrap()
}

fn first_loss(run: &Path) -> f64 {
    events(run).iter().find(|event| event["event"] == "round").unwrap()["loss"].as_f64().unwrap()
}

fn json_of(words: &[&str], run: &Path, more: &[&str]) -> Value {
    let mut command = Command::new(program("stentor"));
    // As the on-call guide advises to set it for the commands that need it.
    command.env("STENTOR_COORDINATOR", "http://127.0.0.1:9");
    let output = command.args(words).arg(run).args(more).arg("--json").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_run_begins_with_the_weights_and_means_of_its_start_in_every_strategy() {
    let folder = first_run();
    // A later delivery: the same rows, and other means in its manifest.
    let annotated = folder.path().join("data/annotated");
    std::fs::remove_dir_all(&annotated).unwrap();
    block_on(write_features_saying(&annotated, 60, 1, other_moments));
    let first = folder.path().join("first");
    for strategy in ["dense", "gtc", "bmuf", "two-tier"] {
        let sections = format!(
            "{STILL}[exchange]\nstrategy = \"{strategy}\"\n[exchange.bmuf]\nblock = 4\n[exchange.two_tier]\ngroup = 1\n\
             [cluster]\nworkers = 2\n"
        );
        let experiment = experiment_from(folder.path(), strategy, "first", "", &sections);
        train(&experiment);
        let run = folder.path().join(strategy);
        assert!(deployed_bytes(&run) == deployed_bytes(&first), "{strategy}: other weights than the start's");
        let error = |run: &Path| summary(run)["dev_frame_error"].as_f64().unwrap();
        assert_eq!(error(&run), error(&first), "{strategy}");
        let (own, start) = (model(&run).manifest, model(&first).manifest);
        assert_eq!(own.normalisation, start.normalisation, "{strategy}");
        assert_eq!(own.model, start.model, "{strategy}: it is described as itself");
        let origin = own.origin.unwrap();
        assert_eq!((origin.run_id, origin.checkpoint), (start.run_id, start.name), "{strategy}");
    }
}

#[test]
fn a_start_is_worth_what_it_has_learned_and_one_checkpoint_will_do() {
    let folder = first_run();
    let first = folder.path().join("first");
    let deployed = model(&first).manifest.name;
    let early = checkpoints(&first).into_iter().find(|name| *name != deployed).unwrap();
    let place = format!("first/checkpoints/{early}");
    train(&experiment_from(folder.path(), "still", &place, "", STILL));
    let bytes = |run: &Path, name: &str| std::fs::read(run.join(name).join("model.safetensors")).unwrap();
    let still = folder.path().join("still");
    assert!(deployed_bytes(&still) == bytes(&first.join("checkpoints"), &early), "another checkpoint");

    let sections = "[schedule]\npasses = 1\nlearning_rate = 0.01\n";
    let fresh = write_experiment(folder.path(), "fresh", sections);
    train(&fresh);
    train(&experiment_from(folder.path(), "second", "first", "", sections));
    let (fresh, second) =
        (first_loss(&folder.path().join("fresh")), first_loss(&folder.path().join("second")));
    assert!(second < 0.5 * fresh, "a first round's loss of {second}, and {fresh} from drawn weights");
}

#[test]
fn sizes_features_and_senones_that_do_not_fit_are_refused_by_name_before_anybody_works() {
    let folder = first_run();
    let moments = |_| (0.2, 0.5);
    let eight = Features { mel_bins: 8, ..Features::default() };
    let slow = Features { hop_ms: 20, ..eight };
    for (set, settings, senones) in [("slow", &slow, 6), ("more", &eight, 9)] {
        for (part, utterances, seed) in [("annotated", 60, 1), ("dev", 12, 2)] {
            let place = folder.path().join(format!("data-{set}")).join(part);
            block_on(write_features_of(&place, utterances, seed, moments, settings.clone(), senones));
        }
    }
    let unfinished = folder.path().join("unfinished/checkpoints");
    std::fs::create_dir_all(&unfinished).unwrap();
    let some = checkpoints(&folder.path().join("first")).remove(0);
    copy(&folder.path().join("first/checkpoints").join(&some), &unfinished.join(&some));

    type Change<'a> = &'a dyn Fn(String) -> String;
    let slow = |text: String| {
        text.replace("data/", "data-slow/").replace("mel_bins = 8\n", "mel_bins = 8\nhop_ms = 20\n")
    };
    let cases: [(&str, &str, Change<'_>, &[&str]); 5] = [
        (
            "wide",
            "first",
            &|text| text.replace("width = 16\n", "width = 24\n"),
            &["E0516", "model.width = 24", "model.width = 16"],
        ),
        ("slow", "first", &slow, &["E0516", "features.hop_ms = 20", "features.hop_ms = 10"]),
        (
            "more",
            "first",
            &|text| text.replace("data/", "data-more/"),
            &["E0516", "9 senones", "6 senones", "model.new_output = true"],
        ),
        ("early", "unfinished", &|text| text, &["E0412", &some]),
        ("nothing", "nowhere", &|text| text, &["E0412", "nowhere"]),
    ];
    for (name, start, change, words) in cases {
        let experiment = experiment_from(folder.path(), name, start, "", STILL);
        let text = std::fs::read_to_string(&experiment).unwrap();
        std::fs::write(&experiment, change(text)).unwrap();
        let (code, log) = refused(&experiment, &[]);
        assert_eq!(code, Some(3), "{name}: {log}");
        assert!(words.iter().all(|word| log.contains(word)), "{name}: {words:?} in {log}");
        assert!(!folder.path().join(name).join("incarnations").exists(), "{name}: the output is taken");
    }
}

#[test]
fn a_new_output_layer_takes_other_senones_and_leaves_the_layers_below_as_they_were() {
    let folder = first_run();
    let settings = Features { mel_bins: 8, ..Features::default() };
    for (part, utterances, seed) in [("annotated", 60, 1), ("dev", 12, 2)] {
        let place = folder.path().join("data-more").join(part);
        block_on(write_features_of(&place, utterances, seed, other_moments, settings.clone(), 9));
    }
    let mut drawn = Vec::new();
    for seed in [1, 1, 2] {
        let name = format!("new-{}", drawn.len());
        let experiment = experiment_from(folder.path(), &name, "first", "new_output = true\n", STILL);
        let text = std::fs::read_to_string(&experiment).unwrap().replace("data/", "data-more/");
        std::fs::write(&experiment, text.replace("[run]\n", &format!("[run]\nseed = {seed}\n"))).unwrap();
        train(&experiment);
        let (first, own) = (model(&folder.path().join("first")), model(&folder.path().join(&name)));
        let below = |model: &DeployedModel| -> Vec<(String, NamedTensor)> {
            let tensors = model.parameters.tensors.iter().map(|(name, t)| (name.clone(), t.clone()));
            tensors.filter(|(name, _)| !name.starts_with("output.")).collect()
        };
        assert!(below(&own) == below(&first) && below(&own).len() == 4, "the layers below differ");
        let output = own.parameters.tensor("output.weight").unwrap().clone();
        assert_eq!(output.shape, [9, 16]);
        assert_eq!(own.manifest.normalisation, first.manifest.normalisation);
        assert!(own.manifest.origin.unwrap().new_output);
        drawn.push(output.values);
    }
    assert!(drawn[0] == drawn[1] && drawn[0] != drawn[2], "the seed decides on the new layer");
}

#[test]
fn a_started_run_that_is_killed_goes_on_with_the_same_bits_without_its_start_and_replays_as_logged() {
    let folder = first_run();
    for strategy in ["dense", "gtc", "bmuf"] {
        let sections = format!(
            "[schedule]\npasses = 12\nlearning_rate = 0.01\n[exchange]\nstrategy = \"{strategy}\"\n\
             [exchange.bmuf]\nblock = 3\n[cluster]\nworkers = 2\nmembership = \"fixed\"\n"
        );
        let place = format!("first-for-{strategy}");
        copy(&folder.path().join("first"), &folder.path().join(&place));
        let undisturbed = experiment_from(folder.path(), &format!("{strategy}-whole"), &place, "", &sections);
        train(&undisturbed);
        let name = format!("{strategy}-killed");
        let experiment = experiment_from(folder.path(), &name, &place, "", &sections);
        let mut training = start_training(&experiment, &["--threads", "1"]);
        let run = folder.path().join(&name);
        wait_for("a checkpoint", || !checkpoints(&run).is_empty());
        training.kill().unwrap();
        training.wait().unwrap();
        assert!(!run.join("final.json").exists(), "it was killed too late to prove anything");
        std::fs::remove_dir_all(folder.path().join(&place)).unwrap();
        assert_finishes(start_training(&experiment, &["--resume", "--threads", "1"]), &experiment);
        let whole = folder.path().join(format!("{strategy}-whole"));
        assert!(deployed_bytes(&run) == deployed_bytes(&whole), "{strategy}: the bits differ");

        let replayed = json_of(&["replay"], &run, &["--round", "0"]);
        let from = &replayed["checkpoint"];
        assert!(replayed["reproduced"] == true && from.is_null(), "{strategy}: {replayed:#}");
        let verified = json_of(&["verify"], &run, &[]);
        assert_eq!(verified[0]["whole"], true, "{strategy}: {verified:#}");
        let named = |object: &&Value| object["name"] == "start/model.safetensors";
        assert_eq!(verified[0]["objects"].as_array().unwrap().iter().filter(named).count(), 1);
    }
}

#[test]
fn a_run_that_dies_before_its_first_checkpoint_begins_again_with_its_start() {
    let folder = first_run();
    // The first checkpoint is the last.
    let sections =
        "[schedule]\npasses = 40\nlearning_rate = 0.01\n[checkpoint]\ncount = 1\n[cluster]\nworkers = 1\n";
    let undisturbed = experiment_from(folder.path(), "whole", "first", "", sections);
    train(&undisturbed);
    let experiment = experiment_from(folder.path(), "killed", "first", "", sections);
    let mut training = start_training(&experiment, &["--threads", "1"]);
    let run = folder.path().join("killed");
    wait_for("the copy of the start", || run.join("start/manifest.json").is_file());
    training.kill().unwrap();
    training.wait().unwrap();
    assert!(checkpoints(&run).is_empty(), "it was killed too late to prove anything");
    std::fs::remove_dir_all(folder.path().join("first")).unwrap();
    assert_finishes(start_training(&experiment, &["--resume", "--threads", "1"]), &experiment);
    assert!(deployed_bytes(&run) == deployed_bytes(&folder.path().join("whole")), "the bits differ");
}

#[test]
fn a_run_shows_what_it_started_from_and_says_so_where_neither_copy_nor_model_is_left() {
    let folder = first_run();
    // Another count is another file of the same batches: what is finished is looked at again.
    let sections =
        |count| format!("[schedule]\npasses = 1\nlearning_rate = 0.01\n[checkpoint]\ncount = {count}\n");
    train(&experiment_from(folder.path(), "run", "first", "", &sections(1)));
    let (run, first) = (folder.path().join("run"), model(&folder.path().join("first")).manifest);
    let start = &json_of(&["inspect"], &run, &[])["start"];
    assert_eq!(start["model"]["run_id"], first.run_id.as_str());
    assert_eq!(start["model"]["checkpoint"], first.name.as_str());
    let shown = Command::new(program("stentor")).arg("inspect").arg(&run).output().unwrap();
    let digest = first.object("model.safetensors").unwrap().digest;
    let words = format!("checkpoint {} of run {} (digest {digest:016x})", first.name, first.run_id);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains(&words), "{words} in {shown}");

    // The copy is damaged: it is made anew from where it came from, and where that is gone, both are named.
    let copy = run.join("start/model.safetensors");
    let again = experiment_from(folder.path(), "run", "first", "", &sections(2));
    std::fs::write(&copy, b"nothing").unwrap();
    assert_finishes(start_training(&again, &["--resume", "--threads", "1"]), &again);
    assert!(std::fs::metadata(&copy).unwrap().len() > 7, "it is not made anew");
    std::fs::write(&copy, b"nothing").unwrap();
    std::fs::remove_dir_all(folder.path().join("first")).unwrap();
    let once_more = experiment_from(folder.path(), "run", "first", "", &sections(3));
    let (code, log) = refused(&once_more, &["--resume"]);
    let named = [run.join("start"), folder.path().join("first")];
    let both = named.iter().all(|place| log.contains(place.to_str().unwrap()));
    assert!(code == Some(3) && log.contains("E0518") && both, "{code:?} {log}");
}

#[test]
fn a_run_does_not_go_on_from_another_start_than_its_own() {
    let folder = first_run();
    let sections = |passes| format!("[schedule]\npasses = {passes}\nlearning_rate = 0.01\n");
    train(&experiment_from(folder.path(), "run", "first", "", &sections(1)));
    // Another model at the same place.
    std::fs::rename(folder.path().join("first"), folder.path().join("kept")).unwrap();
    let other = write_experiment(folder.path(), "first", &sections(2));
    train(&other);
    let longer = experiment_from(folder.path(), "run", "first", "", &sections(2));
    let (code, log) = refused(&longer, &["--resume"]);
    let copy = folder.path().join("run/start");
    assert!(
        code == Some(3) && log.contains("E0517") && log.contains(copy.to_str().unwrap()),
        "{code:?} {log}"
    );

    // No start, or another part of it.
    for (keys, found) in [
        ("", "expected a checkpoint of a run that started from weights of its seed"),
        (
            "start = \"kept\"\nnew_output = true\n",
            "with a new output layer, found one of a run that started from",
        ),
    ] {
        let longer = write_experiment(folder.path(), "run", &sections(2));
        let text = std::fs::read_to_string(&longer).unwrap();
        std::fs::write(&longer, text.replace("[model]\n", &format!("[model]\n{keys}"))).unwrap();
        let (code, log) = refused(&longer, &["--resume"]);
        assert!(code == Some(3) && log.contains("E0503") && log.contains(found), "{code:?} {log}");
    }

    // The run's own copy will do, as the message says.
    let own = experiment_from(folder.path(), "run", "run/start", "", &sections(1));
    assert_finishes(start_training(&own, &["--resume"]), &own);
}
