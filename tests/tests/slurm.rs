//! The job files of `deploy/slurm` on a real Slurm with one node: jobs that are queued again, killed or wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use stentor_tests::slurm::Slurm;
use stentor_tests::{
    assert_finishes, audit, corpus, events, kill, program, start_training, summary, wait_for,
    write_experiment, write_features,
};

const LONG: &str = "[schedule]\npasses = 150\n[exchange]\nstrategy = \"gtc\"\n[checkpoint]\ncount = 15\n";

fn checkpoints(run: &Path) -> usize {
    std::fs::read_dir(run.join("checkpoints")).map_or(0, |entries| entries.flatten().count())
}

/// What Slurm does before the time limit: USR1 to the script. A worker is killed in the second half.
#[test]
fn a_job_that_was_queued_again_before_its_time_limit_finishes_with_each_batch_counted_once() {
    let (folder, manifest) = corpus();
    let folder = folder.path();
    let _ = write_experiment(folder, "student", LONG);
    let run = folder.join("student");
    let slurm = Slurm::start();
    let job = slurm.submit(folder, &["--ntasks=3"], "train.sbatch", &["student.toml"]);
    let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    wait_for("a checkpoint", || {
        assert_ne!(slurm.job(job).state, "FAILED", "{}", log());
        checkpoints(&run) > 1
    });
    slurm.signal_script(job, "USR1");
    wait_for("the job to run again", || {
        let job = slurm.job(job);
        job.restarts == 1 && job.state == "RUNNING"
    });
    assert!(log().contains("stopped by a signal: the job is queued again"), "{}", log());
    assert!(
        !log().contains("second signal: stopping at once"),
        "programs were not left the time to stop in good order: {}",
        log()
    );
    wait_for("two workers", || slurm.processes("worker").len() == 2);
    kill(slurm.processes("worker")[0]);
    wait_for("the killed worker to be started again", || log().contains("worker ended with 137"));
    let ended = slurm.ended(job);
    assert_eq!((ended.state.as_str(), ended.code, ended.restarts), ("COMPLETED", 0, 1), "{}", log());
    assert!(audit(&run, &manifest).is_clean(), "{}", log());
    assert_eq!(summary(&run)["strategy"], "gtc");
    let lineages: BTreeSet<u64> = events(&run).iter().filter_map(|event| event["lineage"].as_u64()).collect();
    assert!(lineages.len() >= 2, "the second start continues from a checkpoint of the first: {lineages:?}");
    let left = std::fs::read_dir(folder).unwrap().flatten();
    let keys = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(".stentor-tls")).count();
    assert_eq!(keys, 0, "private keys are removed with the job");
}

#[test]
fn a_job_with_a_wrong_experiment_fails_with_the_program_s_code_and_is_not_queued_again() {
    let (folder, _) = corpus();
    let folder = folder.path();
    let _ = write_experiment(folder, "student", "[schedule]\npasses = 0\n");
    let slurm = Slurm::start();
    let job = slurm.submit(folder, &["--ntasks=2"], "train.sbatch", &["student.toml"]);
    let ended = slurm.ended(job);
    let log = std::fs::read_to_string(folder.join("log")).unwrap();
    assert_eq!((ended.state.as_str(), ended.code, ended.restarts), ("FAILED", 2, 0), "{log}");
    assert!(log.contains("schedule.passes"), "{log}");
    let job = slurm.submit(folder, &["--ntasks=1", "--output=alone"], "train.sbatch", &["student.toml"]);
    assert_eq!(slurm.ended(job).code, 2);
    let log = std::fs::read_to_string(folder.join("alone")).unwrap();
    assert!(log.contains("expected at least two tasks"), "{log}");
}

#[test]
fn an_array_of_jobs_labels_each_shard_once() {
    let (folder, _) = corpus();
    let folder = folder.path();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(write_features(&folder.join("data/unannotated"), 60, 3));
    let teacher =
        write_experiment(folder, "teacher", "[schedule]\npasses = 1\n[exchange]\nstrategy = \"dense\"\n");
    assert_finishes(start_training(&teacher, &[]), &teacher);
    let slurm = Slurm::start();
    let arguments = ["--model", "teacher", "--features", "data/unannotated", "--out", "labels"];
    let job = slurm.submit(folder, &["--array=0-1"], "label.sbatch", &arguments);
    let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    wait_for("both parts", || folder.join("labels/manifest.json").is_file());
    assert_eq!(slurm.ended(job).state, "COMPLETED", "{}", log());
    let verified =
        Command::new(program("stentor")).current_dir(folder).args(["verify", "labels"]).output().unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));

    // Part 1 of three would have no job.
    let job = slurm.submit(folder, &["--array=0,2", "--output=gap"], "label.sbatch", &arguments);
    assert_eq!(slurm.ended(job).code, 2);
    let log = std::fs::read_to_string(folder.join("gap")).unwrap();
    assert!(log.contains("without gaps, such as --array=0-15, found 2 jobs from 0 to 2"), "{log}");
}
