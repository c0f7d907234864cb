//! Exit codes, by which schedulers decide: what concerns one worker must not end the others, and a drained worker comes back.
//! Each story with the real programs; the table in the documents and the job files follow the code.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_runtime::{ExitStatus, Reaction};
use stentor_tests::observe::in_checkout;
use stentor_tests::running::{Running, free_address};
use stentor_tests::{audit, checkpoints, corpus, events, program, terminate, wait_for, write_experiment};
use tempfile::TempDir;

/// A run whose programs are started one by one.
struct Run {
    folder: TempDir,
    manifest: stentor_shards::FeatureManifest,
    experiment: PathBuf,
    address: String,
}

impl Run {
    fn new(sections: &str) -> Self {
        let (folder, manifest) = corpus();
        let experiment = write_experiment(folder.path(), "run", sections);
        Self { folder, manifest, experiment, address: free_address().to_string() }
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    fn coordinator(&self, arguments: &[&str]) -> Running {
        let mut command = Command::new(program("coordinator"));
        command.arg(&self.experiment).args(["--listen", &self.address]).args(arguments);
        Running::start(&mut command, &self.folder.path().join("coordinator.log"))
    }

    fn worker(&self, identity: &str, arguments: &[&str]) -> Running {
        let scheme = if arguments.contains(&"--tls") { "https" } else { "http" };
        let mut command = Command::new(program("worker"));
        command.args(["--threads=1", "--identity", identity]).args(arguments);
        command.arg(format!("--coordinator={scheme}://{}", self.address));
        Running::start(&mut command, &self.folder.path().join(format!("{identity}.log")))
    }

    fn wait_for_a_checkpoint(&self) {
        wait_for("the first checkpoint", || self.output().join("checkpoints").is_dir());
    }

    /// The run goes on to its end with `programs`, and each batch counts once.
    fn finishes(&self, mut programs: Vec<Running>) {
        wait_for("the run's end", || programs.iter_mut().all(Running::has_ended_well));
        let findings = audit(&self.output(), &self.manifest);
        assert!(findings.is_clean(), "{findings:?}");
    }

    fn has_member(&self, identity: &str) -> bool {
        let all = events(&self.output());
        let newest = all.iter().rev().find(|event| event["event"] == "members");
        newest.is_some_and(|event| event["members"].to_string().contains(&format!("\"{identity}\"")))
    }
}

/// A program's exit code, and what it said.
fn ended(program: Running) -> (Option<i32>, String) {
    let (status, words) = program.ended();
    (status.code(), words)
}

const LONG: &str = "[schedule]\npasses = 24\nlearning_rate = 0.01\n[exchange]\nstrategy = \"gtc\"\n";

#[test]
fn an_identity_that_was_lost_too_often_ends_with_9_and_the_others_finish() {
    let run = Run::new(&format!("{LONG}[cluster]\nrestarts = 0\n"));
    let coordinator = run.coordinator(&[]);
    let (stays, mut dies) = (run.worker("worker-0", &[]), run.worker("worker-1", &[]));
    run.wait_for_a_checkpoint();
    dies.kill();
    let (code, words) = ended(run.worker("worker-1", &[]));
    assert_eq!(code, Some(9), "{words}");
    assert!(words.contains("`worker-1` was lost 1 times") && words.contains("E0603"), "{words}");
    run.finishes(vec![coordinator, stays]);
}

#[test]
fn a_worker_that_a_fixed_run_does_not_know_ends_with_9_and_the_run_goes_on() {
    let run = Run::new(&format!("{LONG}[cluster]\nmembership = \"fixed\"\n"));
    let coordinator = run.coordinator(&[]);
    let members = ["worker-0", "worker-1"].map(|identity| run.worker(identity, &[]));
    run.wait_for_a_checkpoint();
    let (code, words) = ended(run.worker("worker-2", &[]));
    assert_eq!(code, Some(9), "{words}");
    assert!(words.contains("membership is fixed: expected one of worker-0, worker-1"), "{words}");
    run.finishes([coordinator].into_iter().chain(members).collect());
}

#[test]
fn a_worker_with_the_certificate_of_a_replaced_ca_ends_with_4_and_the_others_finish() {
    let run = Run::new(LONG);
    let certificates = |name: &str| {
        let out = run.folder.path().join(name);
        let mut certs = Command::new(program("stentor"));
        certs.args(["certs", "--cluster", "tests", "--host", "127.0.0.1", "--out"]).arg(&out);
        assert!(certs.output().unwrap().status.success());
        out
    };
    let (new, old) = (certificates("tls"), certificates("old"));
    let text = |folder: &Path, role: &str| folder.join(role).to_str().unwrap().to_owned();
    let coordinator = run.coordinator(&["--tls", &text(&new, "coordinator")]);
    let of = text(&new, "worker");
    let members = ["worker-0", "worker-1"].map(|identity| run.worker(identity, &["--tls", &of]));
    run.wait_for_a_checkpoint();
    let (code, words) = ended(run.worker("worker-2", &["--tls", &text(&old, "worker")]));
    assert_eq!(code, Some(4), "{words}");
    // The certificate of another role is found before any connection.
    let (code, words) = ended(run.worker("worker-3", &["--tls", &text(&new, "admin")]));
    assert_eq!(code, Some(4), "{words}");
    assert!(words.contains("expected a certificate for the role worker, found one for admin"), "{words}");
    run.finishes([coordinator].into_iter().chain(members).collect());
}

#[test]
fn a_drained_worker_ends_with_8_and_is_taken_in_again_when_its_supervisor_brings_it_back() {
    let run = Run::new(LONG);
    let coordinator = run.coordinator(&[]);
    let (stays, drained) = (run.worker("worker-0", &[]), run.worker("worker-1", &[]));
    run.wait_for_a_checkpoint();
    terminate(drained.id());
    let (code, words) = ended(drained);
    assert_eq!(code, Some(8), "{words}");
    assert!(words.contains("stopped by a signal") && !words.contains("ERROR"), "{words}");
    let back = run.worker("worker-1", &[]);
    wait_for("the drained worker among the members", || run.has_member("worker-1"));
    run.finishes(vec![coordinator, stays, back]);
}

#[test]
fn a_reducer_that_is_stopped_ends_with_8_while_its_run_goes_on_and_with_0_after_it() {
    let reducer_at = free_address().to_string();
    let run = Run::new(&format!(
        "[schedule]\npasses = 8\n[cluster]\nworkers = 1\n[exchange]\nreducers = [\"http://{reducer_at}\"]\n"
    ));
    let start = || Running::reducer(&run.experiment, 0, &reducer_at, "127.0.0.1:0");
    let reducer = start();
    let programs = vec![run.coordinator(&[]), run.worker("worker-0", &[])];
    run.wait_for_a_checkpoint();
    terminate(reducer.id());
    let (code, log) = ended(reducer);
    assert_eq!(code, Some(8), "{log}");
    let reducer = start();
    run.finishes(programs);
    terminate(reducer.id());
    let (code, log) = ended(reducer);
    assert_eq!(code, Some(0), "{log}");
}

/// A person may still restore one of them.
#[test]
fn a_run_whose_checkpoints_are_all_damaged_ends_with_3_and_begins_again_only_without_them() {
    let run = Run::new("[schedule]\npasses = 8\n[checkpoint]\ncount = 8\n[cluster]\nworkers = 1\n");
    let mut programs = [run.coordinator(&[]), run.worker("worker-0", &[])];
    wait_for("a checkpoint", || !checkpoints(&run.output()).is_empty());
    programs.iter_mut().for_each(Running::kill);
    let all = run.output().join("checkpoints");
    for name in checkpoints(&run.output()) {
        std::fs::write(all.join(name).join("manifest.json"), "").unwrap();
    }
    let (code, log) = ended(run.coordinator(&["--resume"]));
    assert_eq!(code, Some(3), "{log}");
    assert!(log.contains("E0521") && log.contains("remove the folder `checkpoints`"), "{log}");
    std::fs::remove_dir_all(all).unwrap();
    run.finishes(vec![run.coordinator(&["--resume"]), run.worker("worker-0", &[])]);
}

#[test]
fn a_worker_that_comes_after_the_end_of_a_run_ends_with_0() {
    let run = Run::new("[schedule]\npasses = 1\n[cluster]\nworkers = 1\n");
    let mut coordinator = run.coordinator(&["--stay"]);
    let mut only = run.worker("worker-0", &[]);
    wait_for("the only worker's end", || only.has_ended_well());
    let (code, words) = ended(run.worker("worker-1", &[]));
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("the run is finished"), "{words}");
    assert!(coordinator.is_running(), "{}", coordinator.log());
    let status = Command::new(program("stentor"))
        .args(["status", "--coordinator", &format!("http://{}", run.address)])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&status.stderr).contains("the run is finished"), "{status:?}");
}

#[test]
fn a_command_line_that_is_the_same_for_all_workers_and_wrong_ends_with_2_and_a_missing_device_with_9() {
    let run = Run::new("[schedule]\npasses = 1\n[cluster]\nworkers = 1\n");
    let coordinator = run.coordinator(&[]);
    let (code, words) = ended(run.worker("not a name", &[]));
    assert_eq!(code, Some(2), "{words}");
    let (code, words) = ended(run.worker("worker-1", &["--device=gpu"]));
    assert_eq!(code, Some(2), "{words}");
    let (code, words) = ended(run.worker("worker-2", &["--device=cuda:99"]));
    assert_eq!(code, Some(9), "{words}");
    run.finishes(vec![coordinator, run.worker("worker-0", &[])]);
}

/// The lines of the on-call guide between these are made from the code.
const TABLE: [&str; 2] = [
    "<!-- from crates/exit; renew: STENTOR_RENEW=1 cargo test -p stentor-tests --test exit_codes -->\n",
    "<!-- end -->\n",
];

fn table() -> String {
    let mut table =
        String::from("| code | meaning | start again? | concerns | Kubernetes |\n|---|---|---|---|---|\n");
    for status in ExitStatus::ALL {
        let action = status.reaction().pod_failure_action().map_or("complete".into(), |a| format!("`{a}`"));
        let (code, meaning, remedy) = (status.code(), status.meaning(), status.remedy());
        let scope = status.reaction().scope();
        let _ = writeln!(table, "| {code} | {meaning} | {remedy} | {scope} | {action} |");
    }
    table
}

#[test]
fn the_table_of_the_on_call_guide_is_the_codes_own() {
    let path = in_checkout("docs/guides/on-call.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(TABLE[0]).unwrap();
    let (found, after) = rest.split_once(TABLE[1]).unwrap();
    if std::env::var_os("STENTOR_RENEW").is_some() {
        let renewed = [before, TABLE[0], &table(), TABLE[1], after].concat();
        std::fs::write(&path, renewed).unwrap();
        return;
    }
    assert_eq!(found, table(), "renew it: {}", TABLE[0]);
}

/// `again.sh` runs on one machine: whoever may succeed elsewhere is not tried again there.
#[test]
fn slurm_s_supervisor_starts_again_whoever_may_succeed_on_the_same_machine_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let starts = |code: u8| {
        let mark = folder.path().join(format!("started-{code}"));
        // Ends with the code once, and with 0 when it is started again.
        let script = format!("[ -e {0} ] && exit 0; touch {0}; exit {code}", mark.display());
        let again = in_checkout("deploy/slurm/again.sh");
        let child = Command::new("bash").arg(again).args(["bash", "-c", &script]).output().unwrap();
        assert!(mark.exists());
        child.status.code().unwrap()
    };
    for status in ExitStatus::ALL {
        let expected = if status.may_succeed_again() { 0 } else { i32::from(status.code()) };
        assert_eq!(starts(status.code()), expected, "{status:?}");
    }
}

#[test]
fn every_reaction_has_an_action_and_only_one_of_them_ends_all() {
    let actions: Vec<_> = Reaction::ALL.into_iter().filter_map(Reaction::pod_failure_action).collect();
    assert_eq!(actions, ["Ignore", "Count", "FailIndex", "FailJob"]);
    let all: Vec<_> = ExitStatus::ALL.into_iter().filter(|s| s.reaction().scope() == "all").collect();
    assert_eq!(all, [ExitStatus::Config, ExitStatus::NonFinite]);
}
