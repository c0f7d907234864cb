//! Training runs of the stack, and queries to its coordinator, sent by `stentor` in a container with the caller's certificate alone.

use super::experiment::Training;
use super::stack::{PROJECT, Stack};
use anyhow::{Context, Result, ensure};
use std::process::Command;
use std::time::{Duration, Instant};
use stentor_output::Status;
use stentor_tasks::process::{self, Deadline};

/// The certificate that a caller presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    Admin,
    /// A certificate of the cluster, but not an operator's.
    Worker,
    /// None.
    Anonymous,
}

impl Stack {
    /// Runs `stentor` with these arguments; returns its output, or an error if the call is rejected.
    pub(super) fn ask(&self, caller: Caller, words: &[&str]) -> Result<String> {
        let role = match caller {
            Caller::Admin => Some("admin"),
            Caller::Worker => Some("worker"),
            Caller::Anonymous => None,
        };
        let scheme = if role.is_some() { "https" } else { "http" };
        let mut ask = Command::new("docker");
        ask.args(["run", "--rm", "--network", &format!("{PROJECT}_cluster"), "--entrypoint", "stentor"]);
        ask.args(["--env", &format!("STENTOR_COORDINATOR={scheme}://coordinator:7400")]);
        if let Some(role) = role {
            ask.args(["--volume", &format!("{PROJECT}_{role}-tls:/certs/{role}:ro")]);
            ask.args(["--env", &format!("STENTOR_TLS=/certs/{role}")]);
        }
        process::output(ask.arg("stentor-coordinator").args(words))
    }

    /// Starts a training run; returns the seconds from the start until its first round has closed.
    pub(super) fn train(&self, training: Training, workers: u32) -> Result<f64> {
        let started = Instant::now();
        let mut command = self.compose(&["up", "--detach", "--scale", &format!("worker={workers}")])?;
        command.args(["coordinator", "worker"]).env("STENTOR_EXPERIMENT", training.file());
        process::run(&mut command, Deadline::minutes(5))?;
        let moves = self.wait(Duration::from_secs(180), |status| status.round > 0)?;
        ensure!(moves, "no round closed within three minutes; see `docker logs` of the coordinator");
        Ok(started.elapsed().as_secs_f64())
    }

    /// The output of `stentor status`.
    pub(super) fn status(&self) -> Result<Status> {
        let status = self.ask(Caller::Admin, &["status", "--json"])?;
        serde_json::from_str(&status).context("cannot read the output of `stentor status`")
    }

    /// Waits until the status satisfies a condition; returns false if it did not in time.
    pub(super) fn wait(&self, patience: Duration, until: impl Fn(&Status) -> bool) -> Result<bool> {
        let started = Instant::now();
        while started.elapsed() < patience {
            // The coordinator may not be listening yet.
            if self.status().is_ok_and(|status| until(&status)) {
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        Ok(false)
    }
}
