//! Stories of looking back at a real run: the ledger's proof, a round computed again, a batch that was not finite.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use stentor_tests::{
    assert_finishes, children, corpus, events, kill, program, start_training, wait_for, write_experiment,
    write_features,
};

/// Exit code and JSON of `stentor` with these words about a run.
fn stentor(words: &[&str], run: &Path, more: &[&str]) -> (Option<i32>, Value) {
    let output =
        Command::new(program("stentor")).args(words).arg(run).args(more).arg("--json").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| Value::String(errors.into_owned()));
    (output.status.code(), json)
}

fn audit(run: &Path) -> (Option<i32>, Value) {
    stentor(&["ledger", "audit"], run, &[])
}

#[test]
fn the_ledger_of_a_run_with_a_killed_worker_is_proved_on_the_way_and_at_the_end() {
    let (folder, _) = corpus();
    let sections = "[schedule]\npasses = 20\nlearning_rate = 0.01\n[exchange]\nstrategy = \"gtc\"\n\
                    [cluster]\nworkers = 3\nrestarts = 0\n";
    let experiment = write_experiment(folder.path(), "killed", sections);
    let training = start_training(&experiment, &["--threads", "1"]);
    let run = folder.path().join("killed");
    wait_for("the first checkpoint", || run.join("checkpoints").is_dir());
    kill(children(training.id(), &["--identity=worker-1"])[0]);
    // Whatever the moment: what stands before the newest checkpoint is clean.
    let (code, verdict) = audit(&run);
    assert_eq!((code, &verdict["clean"]), (Some(0), &Value::Bool(true)), "{verdict:#}");
    assert_finishes(training, &experiment);

    let (code, verdict) = audit(&run);
    assert_eq!((code, &verdict["state"]), (Some(0), &Value::from("finished")), "{verdict:#}");
    let annotated = &verdict["sources"][0];
    assert!(annotated["committed"] == annotated["of"] && verdict["not_judged"] == 0, "{verdict:#}");
    let (code, verified) = stentor(&["verify"], &run, &[]);
    assert_eq!((code, &verified[0]["whole"]), (Some(0), &Value::Bool(true)), "{verified:#}");

    // A log that has lost a round proves nothing.
    let mut segments: Vec<_> =
        std::fs::read_dir(run.join("events")).unwrap().flatten().map(|entry| entry.path()).collect();
    segments.sort();
    let text = std::fs::read_to_string(&segments[0]).unwrap();
    let (round, _) = text.lines().enumerate().find(|(_, line)| line.contains("\"event\":\"round\"")).unwrap();
    let rest: Vec<&str> =
        text.lines().enumerate().filter(|(n, _)| *n != round).map(|(_, line)| line).collect();
    std::fs::write(&segments[0], rest.join("\n")).unwrap();
    let (code, verdict) = audit(&run);
    assert_eq!(code, Some(3), "{verdict:#}");
    assert!(verdict["missing"]["batches"].as_u64().unwrap() >= 1, "{verdict:#}");
}

#[test]
fn a_return_to_a_checkpoint_is_told_with_what_it_made_void() {
    let (folder, _) = corpus();
    let sections = "[schedule]\npasses = 16\nlearning_rate = 0.01\n[exchange]\nstrategy = \"gtc\"\n\
                    [cluster]\nmembership = \"fixed\"\n";
    let experiment = write_experiment(folder.path(), "fixed", sections);
    let training = start_training(&experiment, &["--threads", "1"]);
    let run = folder.path().join("fixed");
    wait_for("the first checkpoint", || run.join("checkpoints").is_dir());
    kill(children(training.id(), &["--identity=worker-0"])[0]);
    assert_finishes(training, &experiment);
    let (code, verdict) = audit(&run);
    assert_eq!((code, &verdict["state"]), (Some(0), &Value::from("finished")), "{verdict:#}");
    let void = verdict["void"].as_array().unwrap();
    assert!(
        void.len() == 1 && void[0]["reason"].as_str().unwrap().contains("worker-0 is lost"),
        "{verdict:#}"
    );
    // All rounds before the return that it does once more.
    let events = events(&run);
    let back = events.iter().position(|event| event["event"] == "fell-back").unwrap();
    let round = |event: &Value| event["round"].as_u64().unwrap();
    let undone = |event: &&Value| event["event"] == "round" && round(event) >= round(&events[back]);
    let undone = events[..back].iter().filter(undone).count();
    assert_eq!(void[0]["rounds"], undone, "{verdict:#}");
    assert_eq!(void[0]["round"], events[back]["round"], "{verdict:#}");
}

#[test]
fn a_round_right_after_a_checkpoint_is_computed_again_to_the_same_figures() {
    let (folder, _) = corpus();
    for strategy in ["gtc", "bmuf"] {
        let sections = format!(
            "[schedule]\npasses = 6\nlearning_rate = 0.01\n[exchange]\nstrategy = \"{strategy}\"\n\
             [exchange.bmuf]\nblock = 3\n[checkpoint]\ncount = 5\nkeep = 5\n"
        );
        let experiment = write_experiment(folder.path(), strategy, &sections);
        assert_finishes(start_training(&experiment, &["--threads", "1"]), &experiment);
        let run = folder.path().join(strategy);
        let mut rounds: Vec<u64> = std::fs::read_dir(run.join("checkpoints"))
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().rsplit('-').next().unwrap().parse().unwrap())
            .collect();
        rounds.sort_unstable();
        assert!(rounds.len() >= 4, "{rounds:?}");

        let replay = |round: u64, more: &[&str]| {
            let round = format!("--round={round}");
            stentor(&["replay"], &run, &[&[round.as_str()][..], more].concat())
        };
        for round in [0, rounds[1]] {
            let (code, answer) = replay(round, &[]);
            assert_eq!(code, Some(0), "{strategy}: {answer:#}");
            assert_eq!(
                (&answer["rounds_since"], &answer["reproduced"]),
                (&0.into(), &true.into()),
                "{answer:#}"
            );
            assert_eq!(answer["members"].as_array().unwrap().len(), 2);
            assert_eq!(answer["members"][0]["parameters_digest"], answer["members"][1]["parameters_digest"]);
        }
        // One member alone, twice: the same gradient. Further on it is another model's.
        let (_, one) = replay(rounds[1], &["--slot=1"]);
        let (_, again) = replay(rounds[1], &["--slot=1"]);
        let digest = |answer: &Value| answer["members"][0]["batches"][0]["gradient_digest"].clone();
        assert_eq!(digest(&one), digest(&again));
        assert!(one["members"].as_array().unwrap().len() == 1 && digest(&one).as_str().unwrap().len() == 16);
        let (code, later) = replay(rounds[1] + 1, &[]);
        assert_eq!((code, &later["rounds_since"], &later["reproduced"]), (Some(0), &1.into(), &Value::Null));

        let (code, refused) = replay(rounds[1], &["--slot=7"]);
        assert!(code == Some(3) && refused.as_str().unwrap().contains("contributed"), "{refused:#}");
    }
}

#[test]
fn rounds_of_both_sources_of_gtc_on_gradients_are_computed_again_to_the_same_figures() {
    let (folder, _) = corpus();
    let at = |name: &str| folder.path().join(name);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(write_features(&at("data/unannotated"), 60, 3));
    let teacher =
        write_experiment(folder.path(), "teacher", "[schedule]\npasses = 1\nlearning_rate = 0.01\n");
    assert_finishes(start_training(&teacher, &["--threads", "1"]), &teacher);
    let mut label = Command::new(program("stentor"));
    label.args(["label", "--threads", "1", "--model"]).arg(at("teacher"));
    label.arg("--features").arg(at("data/unannotated")).arg("--out").arg(at("labels"));
    assert!(label.status().unwrap().success());

    let sections = "[schedule]\npasses = 1\nannotated_passes = 1\ninterleave = \"batch\"\nlearning_rate = 0.05\n\
                    [optimizer]\nkind = \"sgd\"\n[exchange]\nstrategy = \"gtc\"\n[exchange.gtc]\nwarmup_dense = 0.0\n\
                    warmup_falling = 0.0\n[checkpoint]\ncount = 8\nkeep = 8\n";
    let experiment = write_experiment(folder.path(), "student", sections);
    let text = std::fs::read_to_string(&experiment).unwrap();
    let sets = "[data]\nunannotated = \"data/unannotated\"\nlabels = \"labels\"\n";
    // A replay has to find what each batch dropped and masked, too.
    let masks = "[augment]\nfrequency_masks = 1\nfrequency_width = 4\ntime_masks = 1\ntime_width = 4\n";
    let model = ("[model]\nlayers = 1\n", format!("{masks}[model]\nlayers = 2\ndropout = 0.2\n"));
    std::fs::write(&experiment, text.replace("[data]\n", sets).replace(model.0, &model.1)).unwrap();
    assert_finishes(start_training(&experiment, &["--threads", "1"]), &experiment);

    let run = at("student");
    let rounds = events(&run).into_iter().filter(|event| event["event"] == "round");
    let sources: BTreeMap<u64, String> = rounds
        .map(|event| (event["round"].as_u64().unwrap(), event["source"].as_str().unwrap().to_owned()))
        .collect();
    let mut seen = BTreeSet::new();
    for checkpoint in std::fs::read_dir(run.join("checkpoints")).unwrap().flatten() {
        let name = checkpoint.file_name().to_string_lossy().into_owned();
        let round: u64 = name.rsplit('-').next().unwrap().parse().unwrap();
        // The last checkpoint has no round after it.
        let Some(source) = sources.get(&round) else { continue };
        let (code, answer) = stentor(&["replay"], &run, &[&format!("--round={round}")]);
        assert_eq!((code, &answer["reproduced"]), (Some(0), &true.into()), "{source}: {answer:#}");
        seen.insert(source.clone());
    }
    assert_eq!(
        seen.len(),
        2,
        "rounds of both sources must be among those right after a checkpoint: {sources:?}"
    );
}

#[test]
fn a_batch_that_is_not_finite_is_kept_for_study_before_the_run_stops() {
    let (folder, _) = corpus();
    let sections = "[schedule]\npasses = 6\nlearning_rate = 1e38\n[optimizer]\nkind = \"sgd\"\nclip_norm = 0.0\n\
                    [exchange]\nstrategy = \"dense\"\n";
    let experiment = write_experiment(folder.path(), "wild", sections);
    let status = start_training(&experiment, &["--threads", "1"]).wait().unwrap();
    let log = std::fs::read_to_string(experiment.with_extension("log")).unwrap();
    assert_eq!(status.code(), Some(6), "{log}");
    let kept: Vec<_> = std::fs::read_dir(folder.path().join("wild/poison")).unwrap().flatten().collect();
    let poison: Value = serde_json::from_slice(&std::fs::read(kept[0].path()).unwrap()).unwrap();
    assert!(poison["worker"].as_str().unwrap().starts_with("worker-"), "{poison:#}");
    let pieces = poison["pieces"].as_array().unwrap();
    assert!(!pieces.is_empty() && pieces[0]["utterance"].as_str().unwrap().starts_with('u'), "{poison:#}");
    assert!(!poison["leases"].as_array().unwrap().is_empty(), "{poison:#}");
}
