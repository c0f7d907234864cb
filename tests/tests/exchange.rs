//! Stories of the exchange between real processes: every way to code a contribution, groups, a switch while training runs,
//! reducers of their own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Child, Command};
use stentor_shards::FeatureManifest;
use stentor_tests::cluster::Cluster;
use stentor_tests::prometheus::get;
use stentor_tests::running::{Running, free_address};
use stentor_tests::{
    assert_finishes, audit, checkpoints, children, corpus, deployed_bytes, kill, program, signal,
    start_training, summary, terminate, wait_for, write_experiment,
};

/// Trains to the end; the run's events as text.
fn trained(folder: &Path, manifest: &FeatureManifest, name: &str, sections: &str) -> String {
    let experiment = write_experiment(folder, name, sections);
    assert_finishes(start_training(&experiment, &["--threads", "1"]), &experiment);
    let run = folder.join(name);
    let findings = audit(&run, manifest);
    assert!(findings.is_clean(), "{name}: {findings:?}");
    let error = summary(&run)["dev_frame_error"].as_f64().unwrap();
    assert!(error < 30.0, "{name}: {error} % where guessing gives 83 %");
    events(&run)
}

fn events(run: &Path) -> String {
    let mut segments: Vec<_> =
        std::fs::read_dir(run.join("events")).unwrap().map(|e| e.unwrap().path()).collect();
    segments.sort();
    segments.into_iter().map(|segment| std::fs::read_to_string(segment).unwrap()).collect()
}

#[test]
fn blocks_that_go_up_whole_or_as_differences_with_moments_kept_or_averaged_learn() {
    let (folder, manifest) = corpus();
    for (name, table) in [
        ("bf16", "deltas = \"bf16\"\n"),
        ("threshold", "deltas = \"threshold\"\ndelta_density = 0.2\n"),
        ("average", "moments = \"average\"\n"),
        ("slowmo", "preset = \"slowmo\"\nmoments = \"keep\"\n"),
    ] {
        let sections = format!(
            "[schedule]\npasses = 8\nlearning_rate = 0.01\n[exchange]\nstrategy = \"bmuf\"\n[exchange.bmuf]\nblock = 4\n{table}"
        );
        let events = trained(folder.path(), &manifest, name, &sections);
        let coded = match name {
            "bf16" => "\"deltas\":{\"kind\":\"bf16\"}",
            "threshold" => "\"deltas\":{\"kind\":\"threshold\"",
            _ => "\"deltas\":{\"kind\":\"model\"}",
        };
        assert!(events.contains(coded), "{name}: {events}");
    }
}

#[test]
fn two_groups_threshold_inside_and_average_across() {
    let (folder, manifest) = corpus();
    let sections = "[schedule]\npasses = 10\nlearning_rate = 0.01\n[cluster]\nworkers = 4\n[exchange]\nstrategy = \"two-tier\"\n\
                    [exchange.two_tier]\ngroup = 2\n[exchange.bmuf]\nblock = 4\n[exchange.gtc]\ndensity = 0.2\n";
    let events = trained(folder.path(), &manifest, "two-tier", sections);
    assert!(events.contains("\"kind\":\"threshold\"") && events.contains("\"kind\":\"block\""), "{events}");
}

/// The coordinator's address, from a worker's command line.
fn coordinator_of(training: &Child) -> String {
    let mut url = None;
    wait_for("a worker", || {
        let worker = children(training.id(), &["--identity=worker-0"]).first().copied();
        let line =
            worker.and_then(|id| std::fs::read(format!("/proc/{id}/cmdline")).ok()).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        url = line.split('\0').find_map(|word| word.strip_prefix("--coordinator=").map(ToOwned::to_owned));
        url.is_some()
    });
    url.unwrap()
}

#[test]
fn a_run_that_averages_blocks_switches_to_thresholds_while_it_trains() {
    let (folder, manifest) = corpus();
    let sections = "[schedule]\npasses = 30\nlearning_rate = 0.01\n[exchange]\nstrategy = \"bmuf\"\n[exchange.bmuf]\nblock = 2\n\
                    [exchange.gtc]\nwarmup_dense = 0.0\nwarmup_falling = 0.0\ndensity = 0.2\n";
    let experiment = write_experiment(folder.path(), "switched", sections);
    let training = start_training(&experiment, &["--threads", "1"]);
    let url = coordinator_of(&training);
    let run = folder.path().join("switched");
    wait_for("the first checkpoint", || run.join("checkpoints").is_dir());
    let stentor = |words: &[&str]| {
        let output =
            Command::new(program("stentor")).args(words).args(["--coordinator", &url]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(stentor(&["status"]).contains("bmuf"));
    assert!(stentor(&["switch", "--strategy", "gtc"]).starts_with("switching from bmuf to gtc"));
    assert_finishes(training, &experiment);
    let events = events(&run);
    assert!(
        events.contains("\"event\":\"switched\"") && events.contains("\"kind\":\"threshold\""),
        "{events}"
    );
    let findings = audit(&run, &manifest);
    assert!(findings.is_clean(), "{findings:?}");
    let summary = summary(&run);
    assert_eq!((&summary["strategy"], &summary["switches"][0]["from"]), (&"gtc".into(), &"bmuf".into()));
    let round = &summary["switches"][0]["round"];
    let inspected = Command::new(program("stentor")).arg("inspect").arg(&run).output().unwrap();
    let inspected = String::from_utf8(inspected.stdout).unwrap();
    assert!(inspected.contains(&format!("bmuf until round {round}, then gtc")), "{inspected}");
    let error = summary["dev_frame_error"].as_f64().unwrap();
    assert!(error < 30.0, "{error} % where guessing gives 83 %");
}

#[test]
fn a_switch_to_an_unknown_strategy_or_without_a_coordinator_says_what_was_expected() {
    let switch = |url: &str, strategy: &str| {
        let words = ["switch", "--coordinator", url, "--strategy", strategy];
        let output = Command::new(program("stentor")).args(words).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = switch("http://127.0.0.1:9", "ring");
    assert_eq!(code, Some(2), "the command line is wrong: {said}");
    assert!(said.contains("'ring'") && said.contains("dense, gtc, bmuf, two-tier"), "{said}");
    let (code, said) = switch("http://127.0.0.1:9", "gtc");
    assert_ne!(code, Some(2), "{said}");
    assert!(said.contains("no coordinator answers at http://127.0.0.1:9"), "{said}");
}

/// How many sums of signs a reducer has made, by its metrics.
fn sums_of_signs(port: u16) -> f64 {
    let text = get(port, "/metrics").unwrap();
    let line = text.lines().find(|line| line.starts_with("stentor_reduction_time_seconds_count"));
    line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[test]
fn reducers_of_their_own_sum_their_ranges_to_the_bits_of_one_alone() {
    let (folder, _) = corpus();
    let addresses: Vec<String> = (0..3).map(|_| free_address().to_string()).collect();
    let urls: Vec<String> = addresses.iter().map(|address| format!("\"http://{address}\"")).collect();
    for (strategy, more) in
        [("dense", ""), ("gtc", "[exchange.gtc]\ndensity = 0.2\n"), ("bmuf", "[exchange.bmuf]\nblock = 3\n")]
    {
        let sections = |reducers: &str| {
            format!(
                "[schedule]\npasses = 2\nlearning_rate = 0.01\n[exchange]\nstrategy = \"{strategy}\"\nreducers = [{reducers}]\n{more}"
            )
        };
        let train = |name: &str, reducers: &str| {
            let experiment = write_experiment(folder.path(), name, &sections(reducers));
            let reducers: Vec<(Running, u16)> = addresses
                .iter()
                .enumerate()
                .filter(|_| !reducers.is_empty())
                .map(|(index, address)| {
                    let metrics = free_address();
                    (Running::reducer(&experiment, index, address, &metrics.to_string()), metrics.port())
                })
                .collect();
            assert_finishes(start_training(&experiment, &["--threads", "1"]), &experiment);
            // Only sums of signs are timed: means are made while values come.
            for (reducer, metrics) in reducers.iter().filter(|_| strategy == "gtc") {
                assert!(sums_of_signs(*metrics) > 0.0, "{}", reducer.log());
            }
            deployed_bytes(&folder.path().join(name))
        };
        let alone = train(&format!("{strategy}-alone"), "");
        let many = train(&format!("{strategy}-many"), &urls.join(", "));
        assert!(alone == many, "{strategy}: the deployed parameters differ");
    }
}

/// With a re-thresholded downlink a reducer has state that no other process has.
#[test]
fn a_reducer_that_dies_and_comes_back_changes_no_bits_of_a_fixed_run_and_loses_no_batch_of_an_elastic_one() {
    let (folder, manifest) = corpus();
    let address = free_address().to_string();
    for membership in ["fixed", "elastic"] {
        let sections = format!(
            "[schedule]\npasses = 12\nlearning_rate = 0.01\n[cluster]\nmembership = \"{membership}\"\nrestarts = 50\n\
             [exchange]\nstrategy = \"gtc\"\nreducers = [\"http://{address}\"]\n\
             [exchange.gtc]\ndensity = 0.1\nwarmup_dense = 0.0\nwarmup_falling = 0.0\ndownlink = \"rethreshold\"\n"
        );
        let train = |name: &str, dies: bool| {
            let experiment = write_experiment(folder.path(), name, &sections);
            let mut reducer = Running::reducer(&experiment, 0, &address, "127.0.0.1:0");
            let training = start_training(&experiment, &["--threads", "1"]);
            let run = folder.path().join(name);
            if dies {
                wait_for("a checkpoint", || run.join("checkpoints").is_dir());
                reducer.kill();
                assert!(!run.join("final.json").exists(), "it was killed too late to prove anything");
                reducer = Running::reducer(&experiment, 0, &address, "127.0.0.1:0");
            }
            assert_finishes(training, &experiment);
            drop(reducer);
            let findings = audit(&run, &manifest);
            assert!(findings.is_clean(), "{name}: {findings:?}");
            if dies {
                assert!(events(&run).contains("\"event\":\"fell-back\""), "{name}: {}", events(&run));
            }
            deployed_bytes(&run)
        };
        let disturbed = train(&format!("{membership}-disturbed"), true);
        if membership == "fixed" {
            assert!(disturbed == train("undisturbed", false), "the deployed parameters differ");
        }
    }
}

#[test]
fn separate_reducers_that_are_killed_again_and_again_send_nobody_back_and_change_no_bits() {
    let (folder, manifest) = corpus();
    let addresses: Vec<String> = (0..2).map(|_| free_address().to_string()).collect();
    for (membership, strategy) in [("fixed", "gtc"), ("elastic", "dense")] {
        let sections = format!(
            "[schedule]\npasses = 12\nlearning_rate = 0.01\n[cluster]\nmembership = \"{membership}\"\nrestarts = 0\n\
             [checkpoint]\ncount = 8\n[exchange]\nstrategy = \"{strategy}\"\n\
             reducers = [\"http://{}\", \"http://{}\"]\n[exchange.gtc]\ndensity = 0.1\n",
            addresses[0], addresses[1]
        );
        let train = |name: &str, deaths: usize| {
            let experiment = write_experiment(folder.path(), name, &sections);
            let start = |index: usize| Running::reducer(&experiment, index, &addresses[index], "127.0.0.1:0");
            let mut reducers = [start(0), start(1)];
            let training = start_training(&experiment, &["--threads", "1"]);
            let run = folder.path().join(name);
            for death in 0..deaths {
                let checkpoints = || std::fs::read_dir(run.join("checkpoints")).map_or(0, Iterator::count);
                wait_for("a checkpoint", || checkpoints() > death);
                let reducer = &mut reducers[death % 2];
                if death < 3 {
                    reducer.kill();
                } else {
                    terminate(reducer.id());
                    wait_for("the reducer's end", || !reducer.is_running());
                }
                assert!(!run.join("final.json").exists(), "it was killed too late to prove anything");
                // Meanwhile the members need it.
                std::thread::sleep(std::time::Duration::from_millis(300));
                reducers[death % 2] = start(death % 2);
            }
            assert_finishes(training, &experiment);
            let findings = audit(&run, &manifest);
            assert!(findings.is_clean(), "{name}: {findings:?}");
            let events = events(&run);
            assert!(!events.contains("\"event\":\"fell-back\""), "{name}: {events}");
            assert_eq!(
                events.matches("answers again: payloads are staged once more").count(),
                deaths,
                "{events}"
            );
            deployed_bytes(&run)
        };
        let disturbed = train(&format!("{membership}-killed"), 4);
        assert!(
            disturbed == train(&format!("{membership}-whole"), 0),
            "{membership}: the deployed parameters differ"
        );
    }
}

/// A process that was only stopped for a while does not know that it was replaced.
#[test]
fn a_coordinator_that_wakes_up_replaced_ends_and_takes_no_reducer_from_the_one_that_lives() {
    let (folder, manifest) = corpus();
    let address = free_address().to_string();
    let experiment = write_experiment(
        folder.path(),
        "run",
        &format!(
            "[schedule]\npasses = 60\nlearning_rate = 0.01\n[checkpoint]\ncount = 30\n[cluster]\nworkers = 2\nrestarts = 50\n\
             [exchange]\nreducers = [\"http://{address}\"]\n"
        ),
    );
    let run = folder.path().join("run");
    let _reducer = Running::reducer(&experiment, 0, &address, "127.0.0.1:0");
    let has_checkpoint_of =
        |incarnation: &str| checkpoints(&run).iter().any(|name| name.starts_with(incarnation));
    let first = Cluster::start(&experiment, 2, &[]);
    wait_for("a checkpoint", || has_checkpoint_of("001"));
    signal(first.coordinator(), "STOP");
    (0..2).for_each(|number| kill(first.worker(number)));
    let _second = Cluster::start(&experiment, 2, &[]);
    wait_for("a checkpoint of the second", || has_checkpoint_of("002"));
    assert!(!run.join("final.json").exists(), "it has ended too early to prove anything");
    signal(first.coordinator(), "CONT");
    let (code, log) = first.coordinator_ended();
    assert_eq!(code, Some(9), "{log}");
    wait_for("the run's end", || run.join("final.json").is_file());
    let events = events(&run);
    assert!(!events.contains("answers again"), "the second coordinator has lost the reducer: {events}");
    let findings = audit(&run, &manifest);
    assert!(findings.is_clean(), "{findings:?}");
}

#[test]
fn a_reducer_that_is_stopped_for_longer_than_every_deadline_costs_no_worker_anything() {
    let (folder, manifest) = corpus();
    let address = free_address().to_string();
    for membership in ["fixed", "elastic"] {
        // Whoever had not staged when the reducer stopped, while the others had, is lost once by itself.
        let sections = format!(
            "[schedule]\npasses = 12\nlearning_rate = 0.01\n[cluster]\nmembership = \"{membership}\"\nrestarts = 1\n\
             round_deadline_s = 2.0\n[exchange]\nstrategy = \"gtc\"\nreducers = [\"http://{address}\"]\n"
        );
        let name = format!("{membership}-stopped");
        let experiment = write_experiment(folder.path(), &name, &sections);
        let reducer = Running::reducer(&experiment, 0, &address, "127.0.0.1:0");
        let training = start_training(&experiment, &["--threads", "1"]);
        let run = folder.path().join(&name);
        wait_for("a checkpoint", || run.join("checkpoints").is_dir());
        signal(reducer.id(), "STOP");
        assert!(!run.join("final.json").exists(), "it was stopped too late to prove anything");
        std::thread::sleep(std::time::Duration::from_secs(15));
        signal(reducer.id(), "CONT");
        assert_finishes(training, &experiment);
        drop(reducer);
        let findings = audit(&run, &manifest);
        assert!(findings.is_clean(), "{name}: {findings:?}");
        // Members that had not fetched their sums when it stopped go back; otherwise the round waits for it and goes on.
        let events = events(&run);
        let waited = events.contains("payloads are staged once more");
        assert!(waited || events.contains("\"event\":\"fell-back\""), "{name}: {events}");
    }
}
