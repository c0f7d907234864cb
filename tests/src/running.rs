//! A program as a process of its own, its messages in a file.

use crate::wait_for;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Killed when it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts `command`, which appends all it says to the file `log`.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let child =
            command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Self { child, log: log.to_owned() }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that the file of its messages holds.
    ///
    /// # Panics
    /// Where it cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Kills it, and waits for its end.
    ///
    /// # Panics
    /// Where it cannot be waited for.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether it has not ended yet.
    ///
    /// # Panics
    /// Where the system does not tell.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Whether it has ended.
    ///
    /// # Panics
    /// Where it has ended badly; the message shows its log.
    pub fn has_ended_well(&mut self) -> bool {
        let Some(status) = self.child.try_wait().unwrap() else { return false };
        assert!(status.success(), "{status}\n{}", self.log());
        true
    }

    /// Waits for its end, at most a minute: how it ended, and all it said.
    ///
    /// # Panics
    /// Where it does not end.
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
        // One that has ended is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address of this machine that is free a moment before it is used.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
