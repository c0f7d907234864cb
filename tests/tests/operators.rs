//! What operators do to a run under way: the real programs, with certificates and commands of `stentor`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use stentor_shards::FeatureManifest;
use stentor_tests::prometheus::get;
use stentor_tests::running::{Running, free_address};
use stentor_tests::{audit, corpus, deployed_bytes, events, program, wait_for, write_experiment};
use tempfile::TempDir;

/// A coordinator and workers, each in a process of its own, with certificates.
struct Run {
    folder: TempDir,
    manifest: FeatureManifest,
    experiment: PathBuf,
    listen: std::net::SocketAddr,
    http: std::net::SocketAddr,
    coordinator: Running,
    workers: Vec<Running>,
}

const GTC: &str = "[exchange]\nstrategy = \"gtc\"\n[exchange.gtc]\ndensity = 0.1\n";

impl Run {
    fn start(sections: &str, workers: usize) -> Self {
        let (folder, manifest) = corpus();
        let tls = folder.path().join("tls");
        let mut certs = Command::new(program("stentor"));
        certs.args(["certs", "--cluster", "tests", "--host", "127.0.0.1", "--out"]).arg(&tls);
        assert!(certs.output().unwrap().status.success());
        let experiment = write_experiment(folder.path(), "run", sections);
        let (listen, http) = (free_address(), free_address());
        let coordinator = coordinator(&experiment, &tls, listen, http);
        let mut run = Self { folder, manifest, experiment, listen, http, coordinator, workers: Vec::new() };
        for number in 0..workers {
            run.workers.push(run.worker(&format!("worker-{number}")));
        }
        wait_for("a round", || run.status()["round"].as_u64().is_some_and(|round| round > 0));
        run
    }

    fn worker(&self, identity: &str) -> Running {
        let mut command = Command::new(program("worker"));
        command.args(["--threads=1", &format!("--identity={identity}")]);
        command.arg(format!("--coordinator=https://{}", self.listen));
        command.arg("--tls").arg(self.folder.path().join("tls/worker"));
        Running::start(&mut command, &self.experiment.with_extension(format!("{identity}.log")))
    }

    fn stentor(&self, words: &[&str], role: &str) -> Output {
        let mut command = Command::new(program("stentor"));
        command.args(words).arg(format!("--coordinator=https://{}", self.listen));
        command.arg("--tls").arg(self.folder.path().join("tls").join(role)).output().unwrap()
    }

    /// What an admin's command prints.
    fn done(&self, words: &[&str]) -> String {
        let output = self.stentor(words, "admin");
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The exit code and the error of an admin's command.
    fn refused(&self, words: &[&str]) -> (Option<i32>, String) {
        let output = self.stentor(words, "admin");
        assert!(!output.status.success(), "{words:?}: {output:?}");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    /// `Value::Null` where no coordinator answers.
    fn status(&self) -> Value {
        let output = self.stentor(&["status", "--json"], "admin");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn members(&self) -> Vec<String> {
        let members = self.status()["members"].as_array().cloned().unwrap_or_default();
        members.iter().map(|member| member["identity"].as_str().unwrap().to_owned()).collect()
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// Waits for the end of the run, and proves that each batch counted once.
    fn finish(mut self) -> (Vec<Value>, Vec<u8>) {
        wait_for("the run's end", || self.coordinator.has_ended_well());
        let run = self.output();
        let findings = audit(&run, &self.manifest);
        assert!(findings.is_clean(), "{findings:?}");
        (events(&run), deployed_bytes(&run))
    }
}

fn coordinator(
    experiment: &Path,
    tls: &Path,
    listen: std::net::SocketAddr,
    http: std::net::SocketAddr,
) -> Running {
    let mut command = Command::new(program("coordinator"));
    command.arg(experiment).args([format!("--listen={listen}"), format!("--metrics={http}")]);
    command.arg("--resume").arg("--tls").arg(tls.join("coordinator"));
    Running::start(&mut command, &experiment.with_extension("coordinator.log"))
}

/// The commands in the event log, each from an admin at this machine.
fn commands(events: &[Value]) -> Vec<&str> {
    let given = events.iter().filter(|event| event["event"] == "commanded");
    given
        .map(|event| {
            assert_eq!(event["caller"], "stentor://tests/admin", "{event}");
            assert!(event["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{event}");
            event["command"].as_str().unwrap()
        })
        .collect()
}

#[test]
fn a_checkpoint_on_demand_and_a_pause_that_outlives_its_coordinator_change_no_bits() {
    let sections = |membership: &str| {
        format!(
            "[schedule]\npasses = 12\nlearning_rate = 0.01\n{GTC}[cluster]\nmembership = \"{membership}\"\n\
             [checkpoint]\ncount = 1\n"
        )
    };
    let undisturbed = Run::start(&sections("fixed"), 2).finish().1;
    let mut run = Run::start(&sections("fixed"), 2);
    let name = run.done(&["checkpoint"]).trim().to_owned();
    assert!(run.output().join("checkpoints").join(&name).join("manifest.json").is_file(), "{name}");
    assert_eq!(run.stentor(&["pause"], "worker").status.code(), Some(4), "not everybody's to command");
    assert!(run.done(&["pause"]).contains("stentor resume"));
    wait_for("the pause", || run.status()["paused"]["held"] == true);
    let status = run.status();
    assert_eq!(status["paused"]["by"], "stentor://tests/admin");
    assert!(run.done(&["status"]).contains("paused by stentor://tests/admin"));
    assert_eq!(run.members(), ["worker-0", "worker-1"], "members stay");
    wait_for("the gauge of the pause", || {
        let metrics = get(run.http.port(), "/metrics").unwrap_or_default();
        metrics.lines().any(|line| {
            line.starts_with("stentor_paused{")
                && line.contains("stentor://tests/admin")
                && line.ends_with(" 1")
        })
    });
    let page = get(run.http.port(), "/api/status").unwrap();
    let page: Value = serde_json::from_str(&page).unwrap();
    assert_eq!(page["waiting"]["state"], "paused", "{page}");
    let (code, said) = run.refused(&["pause"]);
    assert!(code == Some(2) && said.contains("paused already, by stentor://tests/admin"), "{said}");
    assert!(said.trim_end().ends_with("[E1108]"), "{said}");
    let again = run.done(&["checkpoint"]);
    assert_eq!(Some(again.trim()), status["newest_checkpoint"].as_str(), "it has everything");

    // Its supervisor starts the coordinator again: the run stays paused, in the same round.
    run.coordinator.kill();
    let tls = run.folder.path().join("tls");
    run.coordinator = coordinator(&run.experiment, &tls, run.listen, run.http);
    wait_for("the next coordinator", || run.status()["paused"]["held"] == true);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(run.status()["round"], status["round"]);
    run.done(&["resume"]);
    let (events, bytes) = run.finish();
    // What a coordinator recorded in the seconds before it was killed may be lost: here the second checkpoint, which saved nothing.
    let given = commands(&events);
    let all = ["checkpoint", "pause", "checkpoint", "resume"];
    assert!(given == all || given == ["checkpoint", "pause", "resume"], "{given:?}");
    assert!(bytes == undisturbed, "the deployed parameters differ");
}

#[test]
fn a_switch_outlives_a_coordinator_that_dies_before_a_checkpoint_has_it() {
    let sections = "[schedule]\npasses = 12\nlearning_rate = 0.01\n[exchange]\nstrategy = \"dense\"\n[exchange.gtc]\n\
                    density = 0.1\n[cluster]\nworkers = 2\n[checkpoint]\ncount = 1\n";
    let mut run = Run::start(sections, 2);
    assert!(run.done(&["switch", "--strategy=gtc"]).starts_with("switching from dense to gtc"));
    wait_for("the switch", || run.status()["strategy"] == "gtc");
    run.coordinator.kill();
    assert!(!run.output().join("checkpoints").exists(), "it was killed too late to prove anything");
    let tls = run.folder.path().join("tls");
    run.coordinator = coordinator(&run.experiment, &tls, run.listen, run.http);
    wait_for("the switch after the run began again", || run.status()["strategy"] == "gtc");
    run.finish();
}

#[test]
fn a_member_that_is_drained_ends_well_and_one_that_is_dropped_is_refused() {
    let sections = format!(
        "[schedule]\npasses = 40\nlearning_rate = 0.01\n{GTC}[cluster]\nworkers = 3\n[checkpoint]\ncount = 4\n"
    );
    let mut run = Run::start(&sections, 3);
    let (code, said) = run.refused(&["drain", "worker-7"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("expected a member (worker-0, worker-1, worker-2), found `worker-7`"), "{said}");

    // In a pause it stays, and whoever looks sees that it was told.
    run.done(&["pause"]);
    wait_for("the pause", || run.status()["paused"]["held"] == true);
    assert!(run.done(&["drain", "worker-2"]).starts_with("worker-2 leaves when its round is closed"));
    let status = run.done(&["status"]);
    let leaving: Vec<&str> = status.lines().filter(|line| line.contains("; leaves when")).collect();
    assert!(matches!(leaving.as_slice(), [line] if line.contains("worker-2")), "{status}");
    run.done(&["resume"]);
    let (status, log) = run.workers.remove(2).ended();
    assert_eq!(status.code(), Some(0), "its supervisor does not start it again: {log}");
    assert!(log.contains("an operator asked this worker to leave"), "{log}");
    assert_eq!(run.members(), ["worker-0", "worker-1"]);

    run.done(&["drop", "worker-1"]);
    let (status, log) = run.workers.remove(1).ended();
    assert_eq!(status.code(), Some(9), "{log}");
    assert!(log.contains("`worker-1` was dropped by stentor://tests/admin"), "{log}");
    let (events, _) = run.finish();
    assert_eq!(commands(&events), ["pause", "drain worker-2", "resume", "drop worker-1"]);
    let departure = |words: &str| {
        events.iter().any(|event| event["reason"].as_str().is_some_and(|reason| reason.starts_with(words)))
    };
    assert!(departure("worker-2 left: drained by an operator"));
    assert!(departure("worker-1 left: dropped by stentor://tests/admin"));
}

#[test]
fn a_checkpoint_that_does_not_come_in_time_says_what_is_waited_for() {
    let sections =
        "[schedule]\npasses = 40\nlearning_rate = 0.01\n[cluster]\nworkers = 2\n[checkpoint]\ncount = 4\n";
    let run = Run::start(sections, 2);
    // A worker stands still, for less than its deadline: no round closes.
    stentor_tests::signal(run.workers[0].id(), "STOP");
    let (code, said) = run.refused(&["checkpoint", "--deadline=3"]);
    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains("no checkpoint was published within 3 s") && said.contains("worker-0"), "{said}");
    stentor_tests::signal(run.workers[0].id(), "CONT");
    run.finish();
}

#[test]
fn a_checkpoint_of_a_coordinator_that_does_not_answer_ends_within_its_deadline_and_may_be_asked_for_again() {
    // It accepts connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("--coordinator=http://{}", silent.local_addr().unwrap());
    let output =
        Command::new(program("stentor")).args(["checkpoint", "--deadline=1", &url]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert_eq!(said.matches("no coordinator answers at").count(), 1, "{said}");
    assert!(said.contains("within 1 s"), "{said}");
}

#[test]
fn whoever_names_the_port_of_the_metrics_as_the_coordinators_is_told_which_port_is_meant() {
    let (folder, _) = corpus();
    let experiment = write_experiment(folder.path(), "run", "[cluster]\nworkers = 1\n");
    let http = free_address();
    let mut coordinator = Command::new(program("coordinator"));
    coordinator.arg(&experiment).args(["--listen=127.0.0.1:0".to_owned(), format!("--metrics={http}")]);
    let _coordinator = Running::start(&mut coordinator, &experiment.with_extension("log"));
    wait_for("the port", || get(http.port(), "/healthz").is_ok());
    let url = format!("--coordinator=http://{http}");
    let output = Command::new(program("stentor")).args(["status", &url]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("expected a Stentor coordinator, at the address of its --listen"), "{said}");
    assert!(said.contains("this is the port of a program's --metrics"), "{said}");
}

#[test]
fn a_paused_coordinator_whose_run_another_one_has_claimed_ends_although_it_publishes_nothing() {
    let (folder, _) = corpus();
    let experiment = write_experiment(folder.path(), "run", "[cluster]\nworkers = 1\n");
    let listen = free_address();
    let mut coordinator = Command::new(program("coordinator"));
    coordinator.arg(&experiment).arg(format!("--listen={listen}"));
    let mut coordinator = Running::start(&mut coordinator, &experiment.with_extension("log"));
    let stentor = |word: &str| {
        let url = format!("--coordinator=http://{listen}");
        Command::new(program("stentor")).args([word, &url]).output().unwrap()
    };
    wait_for("the coordinator", || stentor("status").status.success());
    assert!(stentor("pause").status.success());
    assert!(coordinator.is_running(), "{}", coordinator.log());
    // What the next coordinator writes first.
    let claims = folder.path().join("run/incarnations");
    assert_eq!(std::fs::read_dir(&claims).unwrap().count(), 1);
    std::fs::write(claims.join("000002"), "process 1\n").unwrap();
    let (status, log) = coordinator.ended();
    // Not 8: a supervisor would start it again, and it would take the run from the other one.
    assert_eq!(status.code(), Some(9), "{log}");
    assert!(log.contains("incarnation 2 has taken over"), "{log}");
}
