//! `cargo xtask compose-test`: the small corpus in the compose stack, on a real Docker engine. Containers train teacher
//! and student and compute labels, over TLS and with an S3 server. Meanwhile unauthorised callers are rejected, a
//! worker is killed, another one's network is cut, and the strategy is changed. Prometheus is queried for the data of
//! the dashboards.

mod coordinator;
mod dashboards;
mod disturb;
mod experiment;
mod images;
mod stack;

use crate::corpora;
use anyhow::{Context, Result, ensure};
use experiment::{BUCKET, Training, WORKERS};
use serde_json::json;
use stack::{Ended, Stack};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use stentor_tasks::options::compose_test::Options;
use stentor_tasks::process::{self, Deadline};
use stentor_tasks::progress;
use stentor_tasks::{Corpus, Environment, create_folder, remove_folder};

/// Maximum duration of one training run.
const TRAINING: Duration = Duration::from_secs(20 * 60);
pub(crate) fn run(environment: &Environment, options: &Options) -> Result<()> {
    stack::engine().context("`compose-test` needs a Docker engine and found none; nothing was tested")?;
    corpora::make(environment, Corpus::Asterisk)?;
    let images = progress::step("base images", || images::make(environment))?;
    let folder = environment.target.join("compose-test");
    let experiments = folder.join("experiments");
    remove_folder(&folder)?;
    create_folder(&experiments)?;
    for training in Training::ALL {
        let file = experiments.join(training.file());
        std::fs::write(&file, training.text()).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let stack = Stack::new(environment, &experiments, &images, options.keep)?;
    progress::step("build the stack's images", || stack.build())?;
    let sizes = stack.image_megabytes()?;
    let program = stack.front_door(&folder)?;

    progress::step("start the S3 server", || stack.up(&["s3", "certificates"], 0))?;
    progress::step("prepare the small corpus into the S3 server", || {
        let mut command = stentor(&program, "prepare");
        command.arg("--corpus").arg(Corpus::Asterisk.folder(environment));
        command.arg("--aligner").arg(environment.aligner()).args(["--out", &format!("{BUCKET}/data")]);
        command.args(["--annotated", "0.4", "--dev", "0.15", "--test", "0.15", "--seed", "1"]);
        command.args(["--row-group-frames", "1024", "--shard-frames", "4096"]);
        process::run(&mut command, Deadline::minutes(10))
    })?;
    stack.up(&["prometheus"], 0)?;
    progress::step("train the teacher", || {
        stack.train(Training::Teacher, 2)?;
        stack.wait_for_end("coordinator", TRAINING)?.success("the teacher's coordinator")
    })?;
    progress::step("label", || {
        stack.up(&["teacher-labeler"], 0)?;
        stack.wait_for_end("teacher-labeler", TRAINING)?.success("the labeler")
    })?;
    let student = progress::step("train the student, with a worker killed and another one cut off", || {
        let stack_up_s = stack.train(Training::Student, WORKERS)?;
        disturb::refused_calls(&stack)?;
        let survived = disturb::both(&stack)?;
        disturb::switch(&stack)?;
        let panels = dashboards::ask(environment)?;
        let ended = stack.wait_for_end("coordinator", TRAINING)?;
        Ok((stack_up_s, survived, panels, ended))
    })?;
    let (stack_up_s, survived, panels, ended) = student;
    let run = format!("{BUCKET}/runs/{}", Training::Student.name());
    let audited = process::run(stentor(&program, "ledger").args(["audit", &run]), Deadline::minutes(2));
    let trained = ended == Ended::with(0) && audited.is_ok();
    let alerts = dashboards::alerts(environment, &images)?;

    let figures = json!({
        "stack_up_s": stack_up_s,
        "trained": trained,
        "worker_kill_survived": survived.kill,
        "partition_survived": survived.cut,
        "image_mb": sizes,
        "panels": panels.all,
        "panels_with_data": panels.all - panels.silent.len(),
        "alerts": alerts.all,
        "alerts_tested": alerts.tested,
    });
    println!("{figures:#}");
    if let Some(file) = &options.json {
        std::fs::write(file, format!("{figures:#}\n"))
            .with_context(|| format!("cannot write the figures to {}", file.display()))?;
    }
    ended.success("the student's coordinator")?;
    audited.context("the student's ledger")?;
    ensure!(survived.kill, "the killed worker did not rejoin");
    ensure!(survived.cut, "the worker that was cut off did not rejoin");
    // Other tests check that every panel can show data.
    let failed = panels.failed();
    ensure!(failed.is_empty(), "panels without data: {}", failed.join("; "));
    ensure!(alerts.tested == alerts.all, "{} of {} alerts are tested", alerts.tested, alerts.all);
    Ok(())
}

/// The program `stentor` on this machine, with the stack's S3 server as its store.
fn stentor(program: &Path, subcommand: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(subcommand).envs(stack::OBJECTS).env("STENTOR_LOG", "warn");
    command
}
