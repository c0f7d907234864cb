//! A real Prometheus reads a real run: every panel of the dashboards shows something, every alert can be evaluated.

// Figures for whoever runs the test.
#![allow(clippy::print_stdout)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};
use stentor_runtime::metrics::{CATALOGUE, Kind};
use stentor_tests::observe::{filled_in, in_checkout, panels, rules};
use stentor_tests::prometheus::{Prometheus, get, prometheus_program};
use stentor_tests::running::{Running, free_address};
use stentor_tests::{
    assert_finishes, corpus, program, start_training, wait_for, write_experiment, write_features,
};

/// Runs `promtool` in `deploy/prometheus`; its words where it is content.
fn promtool(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(prometheus_program("promtool"))
        .args(arguments)
        .current_dir(in_checkout("deploy/prometheus"))
        .output()
        .unwrap();
    let words = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    if output.status.success() { Ok(words) } else { Err(words) }
}

#[test]
fn promtool_accepts_the_configuration_and_the_rules_and_their_tests_pass() {
    promtool(&["check", "config", "prometheus.yml"]).unwrap();
    let words = promtool(&["check", "rules", "alerts.yml"]).unwrap();
    assert!(words.contains(&format!("{} rules found", rules().len())), "{words}");
    promtool(&["test", "rules", "alerts.test.yml"]).unwrap();
    println!("{} alerts tested", rules().iter().filter(|rule| rule.alert.is_some()).count());
}

#[test]
fn promtool_notices_an_alert_that_does_not_fire() {
    let folder = tempfile::tempdir().unwrap();
    let text = |name: &str| std::fs::read_to_string(in_checkout("deploy/prometheus").join(name)).unwrap();
    let late = text("alerts.yml").replace("> 300\n", "> 3000\n");
    assert_ne!(late, text("alerts.yml"));
    std::fs::write(folder.path().join("alerts.yml"), late).unwrap();
    let cases = folder.path().join("alerts.test.yml");
    std::fs::write(&cases, text("alerts.test.yml")).unwrap();
    let words = promtool(&["test", "rules", &cases.display().to_string()]).unwrap_err();
    assert!(words.contains("StentorStuck"), "{words}");
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// A teacher, its labels by a real labeler, a student of both kinds of data by a real coordinator and two real workers, first
/// with GTC and from the middle on with BMUF; and all the while Prometheus.
#[test]
fn every_panel_shows_something_of_a_real_run_and_every_alert_can_be_evaluated() {
    let (folder, _) = corpus();
    let folder = folder.path();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(write_features(&folder.join("data/unannotated"), 400, 3));
    let teacher =
        write_experiment(folder, "teacher", "[schedule]\npasses = 1\n[exchange]\nstrategy = \"dense\"\n");
    // Wide enough that its labeling is seen by some scrapes.
    let text = std::fs::read_to_string(&teacher).unwrap();
    std::fs::write(&teacher, text.replace("layers = 1\nwidth = 16", "layers = 2\nwidth = 256")).unwrap();
    assert_finishes(start_training(&teacher, &[]), &teacher);

    let [coordinator, coordinator_metrics, first, second, labeler] = [(); 5].map(|()| free_address().port());
    let targets = [
        ("coordinator", coordinator_metrics),
        ("worker", first),
        ("worker", second),
        ("teacher-labeler", labeler),
    ];
    let prometheus = Prometheus::start(folder, &targets, &in_checkout("deploy/prometheus/alerts.yml"));
    wait_for("Prometheus", || prometheus.scrapes(targets.len()));
    let from = now();

    let mut labeling = Running::start(
        Command::new(program("teacher-labeler"))
            .arg(format!("--model={}", folder.join("teacher").display()))
            .arg(format!("--features={}", folder.join("data/unannotated").display()))
            .arg(format!("--out={}", folder.join("labels").display()))
            .args(["--threads=1", "--metrics", &local(labeler)]),
        &folder.join("labeler.log"),
    );
    wait_for("the labels", || labeling.has_ended_well());

    let student = write_experiment(
        folder,
        "student",
        "[schedule]\npasses = 4\nlearning_rate = 0.01\n[exchange]\nstrategy = \"gtc\"\n[exchange.bmuf]\nblock = 4\n\
         [exchange.gtc]\nwarmup_dense = 0.05\nwarmup_falling = 0.0\ndensity = 0.1\n[checkpoint]\nevery = \"1h\"\n",
    );
    let text = std::fs::read_to_string(&student).unwrap();
    let both = "dev = \"data/dev\"\nunannotated = \"data/unannotated\"\nlabels = \"labels\"\n";
    std::fs::write(&student, text.replace("dev = \"data/dev\"\n", both)).unwrap();
    let tls = folder.join("tls");
    let out = tls.display().to_string();
    let certs = ["certs", "--out", &out, "--cluster", "speech", "--host", "127.0.0.1"];
    assert!(Command::new(program("stentor")).args(certs).output().unwrap().status.success());
    let of = |role: &str| format!("--tls={}", tls.join(role).display());
    let url = format!("https://{}", local(coordinator));
    let mut run = vec![Running::start(
        Command::new(program("coordinator")).arg(&student).arg(of("coordinator")).args([
            "--listen",
            &local(coordinator),
            "--metrics",
            &local(coordinator_metrics),
        ]),
        &folder.join("coordinator.log"),
    )];
    for (identity, metrics) in [("worker-0", first), ("worker-1", second)] {
        let mut worker = Command::new(program("worker"));
        worker.args(["--coordinator", &url, "--identity", identity, "--metrics", &local(metrics)]);
        worker.arg(of("worker"));
        run.push(Running::start(&mut worker, &folder.join(format!("{identity}.log"))));
    }
    let told = |name: &str| {
        let text = get(coordinator_metrics, "/metrics").unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    // Early, so that a rate has two scrapes: who has the wrong certificate, and who has none, are turned away and counted.
    wait_for("the first rounds", || told("stentor_progress_ratio").is_some_and(|share| share > 0.0));
    let stentor = |words: &[&str]| Command::new(program("stentor")).args(words).output().unwrap();
    let plain = format!("http://{}", local(coordinator));
    let (worker, admin) = (of("worker"), of("admin"));
    let refused = [
        stentor(&["switch", "--coordinator", &url, &worker, "--strategy", "gtc"]),
        stentor(&["status", "--coordinator", &plain]),
    ];
    for output in refused {
        assert_eq!(output.status.code(), Some(4), "{output:?}");
    }
    wait_for("half of the run", || told("stentor_progress_ratio").is_some_and(|share| share > 0.5));
    let switched = stentor(&["switch", "--coordinator", &url, &admin, "--strategy", "bmuf"]);
    assert!(switched.status.success(), "{switched:?}");
    // A fast machine would end the run between two scrapes; in a pause the coordinator's figures stay.
    let momentum = "stentor_block_momentum";
    wait_for("a round of BMUF", || told(momentum).is_some());
    let paused = stentor(&["pause", "--coordinator", &url, &admin]);
    assert!(paused.status.success(), "{paused:?}");
    for series in [momentum, "stentor_paused"] {
        wait_for("a scrape of it", || !prometheus.numbers(series, from, now()).is_empty());
    }
    let resumed = stentor(&["resume", "--coordinator", &url, &admin]);
    assert!(resumed.status.success(), "{resumed:?}");
    wait_for("the run's end", || run.iter_mut().all(Running::has_ended_well));

    let to = now();
    let panels = panels();
    let is_empty = |query: &&String| prometheus.numbers(&filled_in(query, "4s"), from, to).is_empty();
    let empty: Vec<_> = panels
        .iter()
        .flat_map(|panel| {
            panel.queries.iter().filter(is_empty).map(|query| format!("{}: {query}", panel.name))
        })
        .collect();
    println!("{} panels, {} queries without data", panels.len(), empty.len());
    assert!(empty.is_empty(), "without data:\n{}", empty.join("\n"));

    for metric in CATALOGUE {
        let part = if metric.kind == Kind::Histogram { "_count" } else { "" };
        let series = metric.exposed_name() + part;
        assert!(!prometheus.numbers(&series, from, to).is_empty(), "no program has told {series}");
    }

    let groups = prometheus.ask("rules");
    let evaluated: Vec<_> = groups["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .collect();
    assert_eq!(evaluated.len(), rules().len());
    for rule in evaluated {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}
