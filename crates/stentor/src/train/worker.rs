use super::pauses::Pauses;
use super::standing::Standing;
use crate::siblings;
use crate::text::counted;
use anyhow::{Context, Result};
use std::time::{Duration, Instant};
use stentor_runtime::{Child, ExitStatus};

/// A worker of a run on one machine: a process and, after it has ended, possibly a next one.
pub(super) struct Worker {
    /// `None` between two processes, and after the last one.
    pub(super) child: Option<Child>,
    pub(super) standing: Standing,
    pub(super) identity: String,
    arguments: Vec<String>,
    restarts_left: u32,
    pauses: Pauses,
    started: Instant,
    /// When to start the next process.
    due: Option<Instant>,
}

impl Worker {
    /// Starts the first process.
    pub(super) async fn start(identity: String, arguments: Vec<String>, restarts: u32) -> Result<Self> {
        let mut worker = Self {
            child: None,
            standing: Standing::Running,
            identity,
            arguments,
            restarts_left: restarts,
            pauses: Pauses::default(),
            started: Instant::now(),
            due: None,
        };
        worker.start_again().await?;
        Ok(worker)
    }

    /// Starts the next process.
    pub(super) async fn start_again(&mut self) -> Result<()> {
        self.due = None;
        self.started = Instant::now();
        let mut command = siblings::command("worker");
        command.args(&self.arguments).env_remove("STENTOR_TLS");
        if std::env::var_os("STENTOR_LOG").is_none() {
            command.env("STENTOR_LOG", "warn");
        }
        let child = Child::spawn(&self.identity, command).await;
        self.child = Some(child.with_context(|| siblings::expected("worker"))?);
        Ok(())
    }

    /// Returns how its process ended, or `None` while it runs.
    pub(super) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.as_mut()?.ended().ok().flatten()
    }

    /// Whether it is time to start the next process.
    pub(super) fn is_due(&self) -> bool {
        self.due.is_some_and(|due| Instant::now() >= due)
    }

    /// Whether no process is running and none will be started.
    pub(super) fn is_over(&self) -> bool {
        self.child.is_none() && self.due.is_none()
    }

    /// Handles the end of its process: decides whether and when to start the next one. Returns a message if there is
    /// something to report.
    pub(super) fn take_end(&mut self, status: std::process::ExitStatus) -> Option<String> {
        self.child = None;
        let identity = &self.identity;
        match status.code().and_then(ExitStatus::from_code) {
            // Whoever asks one worker to stop wants to be without it.
            Some(ExitStatus::Ok | ExitStatus::Stopped) => {
                self.standing = Standing::Done;
                None
            }
            // It has logged the reason, and the coordinator ends the run if necessary.
            Some(known) if !known.may_succeed_again() => {
                self.standing = Standing::Lost(status.to_string());
                Some(format!("{identity} ended ({status}) and a restart would not help"))
            }
            _ if self.restarts_left == 0 => {
                self.standing = Standing::Lost(status.to_string());
                Some(format!("{identity} ended ({status}) and has no restarts left"))
            }
            known => {
                self.restarts_left -= 1;
                let pause = match known {
                    Some(ExitStatus::Retryable) => self.pauses.after(self.started.elapsed()),
                    _ => Duration::ZERO,
                };
                self.due = Some(Instant::now() + pause);
                let when = if pause.is_zero() { String::new() } else { format!(" in {} s", pause.as_secs()) };
                let left = counted(self.restarts_left.into(), "restart");
                Some(format!("{identity} ended ({status}); restarting it{when}, {left} left"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    fn ended(code: i32) -> std::process::ExitStatus {
        std::process::ExitStatus::from_raw(code << 8)
    }

    fn worker(restarts: u32) -> Worker {
        Worker {
            child: None,
            standing: Standing::Running,
            identity: "worker-0".into(),
            arguments: Vec::new(),
            restarts_left: restarts,
            pauses: Pauses::default(),
            started: Instant::now(),
            due: None,
        }
    }

    #[test]
    fn after_a_passing_failure_a_worker_is_restarted_after_growing_pauses() {
        let mut worker = worker(2);
        let words = worker.take_end(ended(75)).unwrap();
        assert_eq!(words, "worker-0 ended (exit status: 75); restarting it in 5 s, 1 restart left");
        assert!(!worker.is_due() && !worker.is_over() && worker.standing == Standing::Running);
        assert!(worker.take_end(ended(75)).unwrap().contains("restarting it in 10 s, 0 restarts left"));
        assert!(worker.take_end(ended(75)).unwrap().ends_with("has no restarts left"));
        assert!(matches!(worker.standing, Standing::Lost(_)));
    }

    #[test]
    fn a_worker_that_was_asked_to_stop_is_done_and_one_that_is_refused_is_lost() {
        let mut asked = worker(3);
        assert_eq!(asked.take_end(ended(8)), None);
        assert!(asked.is_over() && asked.standing == Standing::Done);
        let mut refused = worker(3);
        assert!(refused.take_end(ended(9)).unwrap().ends_with("a restart would not help"));
        assert!(refused.is_over() && matches!(refused.standing, Standing::Lost(_)));
    }

    #[test]
    fn after_a_crash_it_is_restarted_at_once_and_after_its_work_never() {
        let mut worker = worker(1);
        let killed = std::process::ExitStatus::from_raw(9);
        assert!(worker.take_end(killed).unwrap().ends_with("restarting it, 0 restarts left"));
        assert!(worker.is_due());
        worker.due = None;
        assert_eq!(worker.take_end(ended(0)), None);
        assert!(worker.is_over() && worker.standing == Standing::Done);
    }
}
