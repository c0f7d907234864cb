//! A program in a separate process, with its output in a file.

use crate::{program, wait_for};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// A process that is killed when it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts `command`, whose output is appended to the file `log`.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let child =
            command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Self { child, log: log.to_owned() }
    }

    /// Starts reducer `index` of `experiment` on `address`, with its metrics on `metrics`. Its log is beside the experiment.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn reducer(experiment: &Path, index: usize, address: &str, metrics: &str) -> Self {
        let mut command = Command::new(program("coordinator"));
        command.arg(experiment).args(["--listen", address, "--reducer", &index.to_string()]);
        command.arg(format!("--metrics={metrics}"));
        let name = experiment.file_stem().unwrap().to_string_lossy();
        Self::start(&mut command, &experiment.with_file_name(format!("{name}-reducer-{index}.log")))
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The content of the file with its output.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Kills the process and waits for its end.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether it has not ended yet.
    ///
    /// # Panics
    /// If the system does not say.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Whether it has ended without an error.
    ///
    /// # Panics
    /// If it has ended with an error; the message shows its log.
    pub fn has_ended_well(&mut self) -> bool {
        let Some(status) = self.child.try_wait().unwrap() else { return false };
        assert!(status.success(), "{status}\n{}", self.log());
        true
    }

    /// Waits for its end, at most a minute; returns its exit status and all its output.
    ///
    /// # Panics
    /// If it does not end.
    #[must_use]
    pub fn ended(mut self) -> (ExitStatus, String) {
        let mut status = None;
        wait_for("a program's end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        (status.unwrap(), self.log())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address of this machine whose port is free, until another program takes it.
///
/// # Panics
/// If no port is free.
#[must_use]
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
