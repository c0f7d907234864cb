//! Stories of real clusters: a real coordinator and real workers in processes of their own, over real gRPC, killed for
//! real. The data is synthetic, so that they take seconds; the demo loop runs on recorded speech.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::path::Path;
use std::process::Command;
use stentor_tests::running::{Running, free_address};
use stentor_tests::{
    assert_finishes, audit, children, corpus, deployed_bytes, events, kill, program, signal, start_training,
    summary, terminate, wait_for, write_experiment,
};

fn trained(folder: &Path, name: &str, sections: &str) -> Vec<u8> {
    let experiment = write_experiment(folder, name, sections);
    assert_finishes(start_training(&experiment, &[]), &experiment);
    deployed_bytes(&folder.join(name))
}

/// How the contributions of each closed round were coded.
fn kinds(events: &[Value]) -> Vec<&str> {
    let rounds = events.iter().filter(|event| event["event"] == "round");
    rounds.map(|round| round["encoding"]["kind"].as_str().unwrap()).collect()
}

/// Where in the events a member went.
fn departure(events: &[Value], identity: &str) -> usize {
    let words = format!("{identity} left: ");
    let left = |event: &Value| event["reason"].as_str().is_some_and(|reason| reason.starts_with(&words));
    let found = events.iter().position(left);
    found.unwrap_or_else(|| panic!("{:?}", events.iter().map(|event| &event["reason"]).collect::<Vec<_>>()))
}

#[test]
fn one_word_toggles_the_strategy_and_all_of_them_learn() {
    let (folder, manifest) = corpus();
    for (strategy, kind) in [("dense", "dense"), ("gtc", "threshold"), ("bmuf", "block")] {
        let sections = format!(
            "[schedule]\npasses = 6\nlearning_rate = 0.01\n[exchange]\nstrategy = \"{strategy}\"\n\
             [exchange.bmuf]\nblock = 4\n[exchange.gtc]\ndensity = 0.1\n"
        );
        trained(folder.path(), strategy, &sections);
        assert_eq!(kinds(&events(&folder.path().join(strategy))).last(), Some(&kind), "{strategy}");
        let summary = summary(&folder.path().join(strategy));
        let error = summary["dev_frame_error"].as_f64().unwrap();
        assert!(error < 30.0, "{strategy}: {error} % where guessing gives 83 %");
        let findings = audit(&folder.path().join(strategy), &manifest);
        assert!(findings.is_clean(), "{strategy}: {findings:?}");
    }
}

#[test]
fn bmuf_of_one_worker_without_momentum_is_plain_sgd_bit_for_bit() {
    let (folder, _) = corpus();
    let common = "[schedule]\npasses = 2\nlearning_rate = 0.05\n[optimizer]\nkind = \"sgd\"\nmomentum = 0.9\n\
                  [cluster]\nworkers = 1\n[exchange]\n";
    let dense = trained(folder.path(), "plain", &format!("{common}strategy = \"dense\"\n"));
    let bmuf = "strategy = \"bmuf\"\n[exchange.bmuf]\nblock = 3\nmomentum = 0.0\nlearning_rate = 1.0\n";
    let bmuf = trained(folder.path(), "block", &format!("{common}{bmuf}"));
    assert!(dense == bmuf, "the deployed parameters differ");
}

#[test]
fn a_worker_killed_in_the_middle_of_a_gtc_run_does_not_stop_the_others() {
    let (folder, manifest) = corpus();
    let sections = "[schedule]\npasses = 20\nlearning_rate = 0.01\n[exchange]\nstrategy = \"gtc\"\n[cluster]\nworkers = 3\n\
                    restarts = 0\nround_deadline_s = 10.0\n";
    let experiment = write_experiment(folder.path(), "killed", sections);
    let training = start_training(&experiment, &["--threads", "1"]);
    let run = folder.path().join("killed");
    wait_for("the first checkpoint", || run.join("checkpoints").is_dir());
    let victims = children(training.id(), &["--identity=worker-1"]);
    assert_eq!(victims.len(), 1);
    kill(victims[0]);
    assert_finishes(training, &experiment);
    let findings = audit(&run, &manifest);
    assert!(findings.is_clean(), "{findings:?}");
    let log = std::fs::read_to_string(experiment.with_extension("log")).unwrap();
    assert!(log.contains("worker-1 ended"), "{log}");
    let events = events(&run);
    assert!(!kinds(&events[departure(&events, "worker-1")..]).is_empty(), "it was killed too late");
    assert!(!events.iter().any(|event| event["event"] == "fell-back"), "the others went back");
}

#[test]
fn when_a_run_has_ended_no_checkpoint_is_left_that_was_to_be_deleted() {
    let (folder, _) = corpus();
    let sections = "[schedule]\npasses = 2\n[checkpoint]\ncount = 40\nkeep = 1\n[cluster]\nworkers = 1\n";
    let experiment = write_experiment(folder.path(), "thinned", sections);
    assert_finishes(start_training(&experiment, &["--threads", "1"]), &experiment);
    let log = std::fs::read_to_string(experiment.with_extension("log")).unwrap();
    assert!(!log.contains("could not be deleted"), "{log}");
    let folders = std::fs::read_dir(folder.path().join("thinned/checkpoints")).unwrap().flatten();
    // Empty folders stay on a disk: what is deleted are objects.
    let is_empty = |folder: &std::fs::DirEntry| std::fs::read_dir(folder.path()).unwrap().next().is_none();
    let checkpoints: Vec<_> = folders.filter(|folder| !is_empty(folder)).collect();
    // The newest, and the best on dev.
    assert!(checkpoints.len() <= 2, "{checkpoints:?}\n{log}");
}

/// The coordinator's own deadline is a day: who waited for it would wait forever.
#[test]
fn a_run_that_would_wait_for_workers_without_restarts_ends_at_once_and_names_them() {
    let (folder, _) = corpus();
    // With fixed members one is enough. Where it got into a checkpoint the coordinator would take it in again, and
    // `stentor train` has no start left for it; else the coordinator itself would not.
    for (name, membership, restarts, killed, words) in [
        ("refused", "fixed", 0, &["worker-1"][..], "lost too often to be taken in again"),
        ("spent", "fixed", 1, &["worker-1", "worker-1"], "would wait forever for"),
        ("alone", "elastic", 0, &["worker-0", "worker-1"], "would wait forever for"),
    ] {
        let sections = format!(
            "[schedule]\npasses = 12\nlearning_rate = 0.01\n[cluster]\nmembership = \"{membership}\"\n\
             restarts = {restarts}\njoin_deadline_s = 86400.0\n[checkpoint]\ncount = 12\nkeep = 100\n"
        );
        let experiment = write_experiment(folder.path(), name, &sections);
        let mut training = start_training(&experiment, &["--threads", "1"]);
        let run = folder.path().join(name);
        let published = || {
            let folders = std::fs::read_dir(run.join("checkpoints")).into_iter().flatten().flatten();
            folders.filter(|folder| folder.path().join("manifest.json").is_file()).count()
        };
        for (before, identity) in killed.iter().enumerate() {
            wait_for("a checkpoint", || published() > if membership == "fixed" { 2 * before } else { 0 });
            let identity = format!("--identity={identity}");
            wait_for("the worker", || !children(training.id(), &[&identity]).is_empty());
            kill(children(training.id(), &[&identity])[0]);
        }
        let mut status = None;
        wait_for("the end", || {
            status = training.try_wait().unwrap();
            status.is_some()
        });
        let log = std::fs::read_to_string(experiment.with_extension("log")).unwrap();
        assert_eq!(status.unwrap().code(), Some(5), "{log}");
        let last = log.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{log}"));
        for identity in ["worker-0", "worker-1"] {
            assert_eq!(last.contains(identity), killed.contains(&identity), "{identity}: {log}");
        }
        // What it says helps.
        assert_finishes(start_training(&experiment, &["--resume", "--threads", "1"]), &experiment);
    }
}

#[test]
fn a_worker_that_is_asked_to_stop_leaves_what_its_residual_holds_with_the_others() {
    let (folder, manifest) = corpus();
    let sections = "[schedule]\npasses = 20\nlearning_rate = 0.01\n[exchange]\nstrategy = \"gtc\"\n[exchange.gtc]\n\
                    warmup_dense = 0.0\nwarmup_falling = 0.0\ndensity = 0.2\n[cluster]\nworkers = 3\n";
    let experiment = write_experiment(folder.path(), "asked", sections);
    let training = start_training(&experiment, &["--threads", "1"]);
    let run = folder.path().join("asked");
    wait_for("the first checkpoint", || run.join("checkpoints").is_dir());
    terminate(children(training.id(), &["--identity=worker-1"])[0]);
    assert_finishes(training, &experiment);
    let findings = audit(&run, &manifest);
    assert!(findings.is_clean(), "{findings:?}");
    let events = events(&run);
    let left = departure(&events, "worker-1");
    // Its whole residual was exchanged: otherwise it would have named the norm that goes with it.
    assert_eq!(events[left]["reason"], "worker-1 left: asked to stop by a signal");
    assert_eq!(kinds(&events[..left]).last(), Some(&"dense"));
    assert!(kinds(&events[..left]).contains(&"threshold"));
    assert_eq!(kinds(&events[left..]).last(), Some(&"threshold"));
    let log = std::fs::read_to_string(experiment.with_extension("log")).unwrap();
    assert!(!log.contains("worker-1 ended"), "it ended well: {log}");
}

/// As Ctrl-C does: the signal reaches the parent alone, which asks the others.
#[test]
fn who_asks_a_run_to_stop_hears_of_no_error_and_no_warning_and_can_go_on() {
    let (folder, _) = corpus();
    for membership in ["fixed", "elastic"] {
        let sections = format!(
            "[schedule]\npasses = 40\nlearning_rate = 0.01\n[exchange]\nstrategy = \"gtc\"\n[cluster]\n\
             membership = \"{membership}\"\n"
        );
        let experiment = write_experiment(folder.path(), membership, &sections);
        let mut training = start_training(&experiment, &["--threads", "1"]);
        let run = folder.path().join(membership);
        wait_for("the first checkpoint", || run.join("checkpoints").is_dir());
        signal(training.id(), "INT");
        let mut status = None;
        wait_for("the end", || {
            status = training.try_wait().unwrap();
            status.is_some()
        });
        let log = std::fs::read_to_string(experiment.with_extension("log")).unwrap();
        assert_eq!(status.unwrap().code(), Some(8), "{membership}: {log}");
        let (_, after) = log.split_once("stopping; continue with --resume").unwrap();
        for word in ["ERROR", "WARN", "fell back"] {
            assert!(!after.contains(word), "{membership}: {log}");
        }
        assert_finishes(start_training(&experiment, &["--resume", "--threads", "1"]), &experiment);
    }
}

#[test]
fn a_worker_that_is_started_again_takes_part_again() {
    let (folder, manifest) = corpus();
    let sections = "[schedule]\npasses = 30\nlearning_rate = 0.01\n[exchange]\nstrategy = \"bmuf\"\n[exchange.bmuf]\nblock = 2\n";
    let experiment = write_experiment(folder.path(), "again", sections);
    let training = start_training(&experiment, &["--threads", "1"]);
    let run = folder.path().join("again");
    wait_for("the first checkpoint", || run.join("checkpoints").is_dir());
    kill(children(training.id(), &["--identity=worker-0"])[0]);
    assert_finishes(training, &experiment);
    let findings = audit(&run, &manifest);
    assert!(findings.is_clean(), "{findings:?}");
    let events = events(&run);
    let since = &events[departure(&events, "worker-0")..];
    // Its place among the members that it got into again, and a round that it contributed to from there.
    let slot = |event: &Value| {
        let mut members = event["members"].as_array()?.iter();
        members.find(|member| member["identity"] == "worker-0").map(|member| member["slot"].clone())
    };
    let back = since.iter().position(|event| slot(event).is_some()).expect("a membership after its death");
    let slot = slot(&since[back]).unwrap();
    let contributed = |event: &Value| event["contributors"].as_array().is_some_and(|all| all.contains(&slot));
    assert!(since[back..].iter().any(contributed), "it came back and contributed nothing");
}

#[test]
fn of_two_processes_with_one_identity_the_newer_one_goes_on_and_the_older_one_says_why_it_ends() {
    let (folder, manifest) = corpus();
    let sections = "[schedule]\npasses = 60\nlearning_rate = 0.01\n[exchange]\nstrategy = \"gtc\"\n";
    let experiment = write_experiment(folder.path(), "twins", sections);
    let address = free_address().to_string();
    let start = |name: &str, arguments: &[&str], log: &str| {
        Running::start(Command::new(program(name)).args(arguments), &folder.path().join(log))
    };
    let file = experiment.to_str().unwrap();
    let mut coordinator = start("coordinator", &[file, "--listen", &address], "coordinator.log");
    let url = format!("http://{address}");
    let worker = |identity: &str, log: &str| {
        start("worker", &["--coordinator", &url, "--identity", identity, "--threads", "1"], log)
    };
    let mut other = worker("worker-0", "other.log");
    let older = worker("worker-1", "older.log");
    let run = folder.path().join("twins");
    wait_for("the first checkpoint", || run.join("checkpoints").is_dir());
    let mut newer = worker("worker-1", "newer.log");
    let (status, words) = older.ended();
    assert_eq!(status.code(), Some(9), "{words}");
    assert!(words.contains("uses the identity `worker-1` too"), "{words}");
    let mut living = [&mut coordinator, &mut other, &mut newer];
    wait_for("the run's end", || living.iter_mut().all(|program| program.has_ended_well()));
    let findings = audit(&run, &manifest);
    assert!(findings.is_clean(), "{findings:?}");
}

#[test]
fn a_run_that_was_killed_whole_resumes_and_ends_in_the_same_bits() {
    let (folder, manifest) = corpus();
    let masks = "[augment]\nfrequency_masks = 1\ntime_masks = 1\n";
    for (title, strategy, gtc, augment) in [
        ("dense", "dense", "", ""),
        ("masks", "dense", "", masks),
        ("gtc", "gtc", "", ""),
        ("rethreshold", "gtc", "downlink = \"rethreshold\"\n", ""),
        ("bmuf", "bmuf", "", ""),
    ] {
        let sections = format!(
            "[schedule]\npasses = 12\nlearning_rate = 0.01\n[exchange]\nstrategy = \"{strategy}\"\n\
             [exchange.bmuf]\nblock = 3\n[exchange.gtc]\n{gtc}{augment}[cluster]\nmembership = \"fixed\"\n"
        );
        let undisturbed = trained(folder.path(), &format!("{title}-undisturbed"), &sections);

        let name = format!("{title}-killed");
        let experiment = write_experiment(folder.path(), &name, &sections);
        let mut training = start_training(&experiment, &[]);
        let run = folder.path().join(&name);
        let manifests = || {
            let folders = std::fs::read_dir(run.join("checkpoints")).into_iter().flatten().flatten();
            folders.filter(|f| f.path().join("manifest.json").is_file()).count()
        };
        wait_for("two checkpoints", || manifests() >= 2);
        // Coordinator and workers die with their parent.
        training.kill().unwrap();
        training.wait().unwrap();
        assert!(!run.join("final.json").exists(), "it was killed too late to prove anything");
        assert_finishes(start_training(&experiment, &["--resume"]), &experiment);
        assert!(deployed_bytes(&run) == undisturbed, "{title}: the deployed parameters differ");
        let findings = audit(&run, &manifest);
        assert!(findings.is_clean(), "{title}: {findings:?}");
    }
}

/// The checkpoints of a run, by name.
fn checkpoints(run: &Path) -> Vec<String> {
    let folders = std::fs::read_dir(run.join("checkpoints")).into_iter().flatten().flatten();
    let published = folders.filter(|folder| folder.path().join("manifest.json").is_file());
    published.map(|folder| folder.file_name().into_string().unwrap()).collect()
}

#[test]
fn a_run_publishes_checkpoints_by_time_goes_on_from_one_and_ends_in_the_bits_of_a_run_without_them() {
    let (folder, manifest) = corpus();
    for (title, strategy, gtc) in [
        ("dense", "dense", ""),
        ("rethreshold", "gtc", "downlink = \"rethreshold\"\n"),
        ("bmuf", "bmuf", ""),
        ("two-tier", "two-tier", ""),
    ] {
        let sections = |every: &str| {
            format!(
                "[schedule]\npasses = 12\nlearning_rate = 0.01\n[exchange]\nstrategy = \"{strategy}\"\n\
                 [exchange.two_tier]\ngroup = 1\n[exchange.bmuf]\nblock = 3\n[exchange.gtc]\n{gtc}\
                 [cluster]\nmembership = \"fixed\"\n[checkpoint]\ncount = 1\n{every}"
            )
        };
        let undisturbed = trained(folder.path(), &format!("{title}-by-count"), &sections(""));

        let name = format!("{title}-by-time");
        let experiment = write_experiment(folder.path(), &name, &sections("every = \"1s\"\n"));
        let mut training = start_training(&experiment, &["--threads", "1"]);
        let run = folder.path().join(&name);
        let mut worker = None;
        wait_for("a worker", || {
            worker = children(training.id(), &["--identity=worker-0"]).first().copied();
            worker.is_some()
        });
        let log = || std::fs::read_to_string(experiment.with_extension("log")).unwrap();
        wait_for("rounds", || log().contains("annotated loss"));
        // The only place of the schedule is the end. While one worker stands still, time passes, and no round.
        wait_for("a checkpoint by time", || {
            signal(worker.unwrap(), "STOP");
            std::thread::sleep(std::time::Duration::from_millis(1_100));
            signal(worker.unwrap(), "CONT");
            std::thread::sleep(std::time::Duration::from_millis(20));
            !checkpoints(&run).is_empty()
        });
        training.kill().unwrap();
        training.wait().unwrap();
        assert!(!run.join("final.json").exists(), "it was killed too late to prove anything");
        let by_time = checkpoints(&run);
        assert_finishes(start_training(&experiment, &["--resume"]), &experiment);
        assert!(deployed_bytes(&run) == undisturbed, "{title}: the deployed parameters differ");
        let findings = audit(&run, &manifest);
        assert!(findings.is_clean(), "{title}: {findings:?}");
        let events = events(&run);
        let continued = |event: &&Value| {
            event["event"] == "fell-back" && by_time.iter().any(|name| event["checkpoint"] == **name)
        };
        assert!(events.iter().any(|event| continued(&event)), "{title}: from {by_time:?}");
        let scored = events.iter().filter(|event| event["event"] == "dev").count();
        assert_eq!(scored, 1, "{title}: only the checkpoint of the schedule is scored");
    }
}

#[test]
fn a_second_run_in_the_same_output_is_refused_with_what_to_do() {
    let (folder, _) = corpus();
    let sections = "[schedule]\npasses = 1\n[cluster]\nworkers = 1\n";
    trained(folder.path(), "once", sections);
    let experiment = folder.path().join("once.toml");
    let status = start_training(&experiment, &[]).wait().unwrap();
    let log = std::fs::read_to_string(experiment.with_extension("log")).unwrap();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("continue it with --resume or name another output"), "{log}");
}

/// As in Kubernetes, where a StatefulSet starts again whatever ends.
#[test]
fn a_finished_run_is_left_as_it_is_by_who_resumes_it_and_who_is_to_stay_stays() {
    let (folder, _) = corpus();
    let experiment = write_experiment(folder.path(), "over", "[schedule]\npasses = 1\n");
    assert_finishes(start_training(&experiment, &[]), &experiment);
    let run = folder.path().join("over");
    let incarnations = || std::fs::read_dir(run.join("incarnations")).unwrap().count();
    let before = (deployed_bytes(&run), summary(&run), incarnations());

    let mut coordinator = std::process::Command::new(stentor_tests::program("coordinator"));
    coordinator.arg(&experiment).args(["--listen=127.0.0.1:0", "--resume", "--json-lines"]);
    let output = coordinator.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("\"summary\""));

    let log = folder.path().join("stays.log");
    let file = std::fs::File::create(&log).unwrap();
    let mut stays = coordinator.arg("--stay").stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
    wait_for("the word that it stays", || {
        std::fs::read_to_string(&log).unwrap().contains("staying alive until SIGTERM")
    });
    assert!(stays.try_wait().unwrap().is_none(), "it has gone");
    terminate(stays.id());
    assert!(stays.wait().unwrap().success());
    assert_eq!((deployed_bytes(&run), summary(&run), incarnations()), before);
}
