//! Child processes that never outlive their parent.
//!
//! Three mechanisms are combined, because each has a gap. Dropping a [`Child`] kills its process group; but a parent
//! that is killed drops nothing. So the kernel is asked to kill the child when its parent dies (`PR_SET_PDEATHSIG`);
//! but for the kernel the parent is the *thread* that started the child, and tokio's threads come and go. So all
//! children are started from one thread that lives as long as the process. Each child leads its own process group:
//! Ctrl-C at a terminal reaches only the parent, which then stops its children in the right order.

use crate::error::Error;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;
use tokio::process::{ChildStderr, ChildStdout, Command};
use tokio::sync::oneshot;

/// A child process. When it is dropped, it and its descendants are killed.
#[derive(Debug)]
pub struct Child {
    name: String,
    process_id: u32,
    process: tokio::process::Child,
}

impl Child {
    /// Starts `command` as a child that is called `name` in messages. Standard input is empty; the other streams are
    /// as `command` says. Call it within a tokio runtime, whose I/O reaps the child.
    ///
    /// # Errors
    /// [`Error::Spawn`] if the program is missing or the system refuses.
    pub async fn spawn(name: impl Into<String>, mut command: Command) -> Result<Child, Error> {
        let name = name.into();
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).kill_on_drop(true).process_group(0);
        die_with_parent(&mut command);
        let spawned = spawn_from_lasting_thread(command).await.and_then(|process| {
            let process_id = process.id().ok_or_else(|| io::Error::other("the child has no process id"))?;
            Ok(Child { name: name.clone(), process_id, process })
        });
        let child = spawned.map_err(|source| Error::Spawn { name, program, source })?;
        tracing::debug!(name = child.name, pid = child.process_id, "child started");
        Ok(child)
    }

    /// The name given at the start.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id; also valid after the child has ended.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process_id
    }

    /// The reading end of its standard output, if the command piped it. Returns it only once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.process.stdout.take()
    }

    /// The reading end of its standard error, if the command piped it. Returns it only once.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.process.stderr.take()
    }

    /// Waits until the child ends. Safe to drop and call again; for an ended child it returns the same result again.
    ///
    /// # Errors
    /// [`Error::Supervise`] if the system refuses.
    pub async fn wait(&mut self) -> Result<ExitStatus, Error> {
        self.process.wait().await.map_err(|source| self.failed("wait for", source))
    }

    /// How the child ended, or `None` while it runs.
    ///
    /// # Errors
    /// [`Error::Supervise`] if the system refuses.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.process.try_wait().map_err(|source| self.failed("query", source))
    }

    /// Asks the child to stop (SIGTERM) and returns without waiting, so that several can be asked at the same time.
    ///
    /// # Errors
    /// [`Error::Supervise`] if the system refuses.
    pub fn terminate(&self) -> Result<(), Error> {
        self.signal(Recipient::Leader, libc::SIGTERM).map_err(|source| self.failed("terminate", source))
    }

    /// Asks the child to stop, waits up to `grace`, then kills its whole process group.
    ///
    /// # Errors
    /// [`Error::Supervise`] if the system refuses.
    pub async fn stop(&mut self, grace: Duration) -> Result<ExitStatus, Error> {
        self.terminate()?;
        self.end_within(grace).await
    }

    /// Waits up to `grace` for the end of a child that was asked to stop, then kills its whole process group.
    ///
    /// # Errors
    /// [`Error::Supervise`] if the system refuses.
    pub async fn end_within(&mut self, grace: Duration) -> Result<ExitStatus, Error> {
        if let Ok(status) = tokio::time::timeout(grace, self.wait()).await {
            return status;
        }
        tracing::warn!(
            name = self.name,
            pid = self.process_id,
            ?grace,
            "did not stop when asked; killing it"
        );
        self.kill().await
    }

    /// Kills the child's whole process group (SIGKILL).
    ///
    /// # Errors
    /// [`Error::Supervise`] if the system refuses.
    pub async fn kill(&mut self) -> Result<ExitStatus, Error> {
        self.signal(Recipient::Group, libc::SIGKILL).map_err(|source| self.failed("kill", source))?;
        self.wait().await
    }

    /// Does nothing if the child was reaped: another process may have its id by now.
    fn signal(&self, recipient: Recipient, signal: libc::c_int) -> io::Result<()> {
        let Some(process_id) = self.process.id() else {
            return Ok(());
        };
        let process_id = libc::pid_t::try_from(process_id).map_err(io::Error::other)?;
        let target = match recipient {
            Recipient::Leader => process_id,
            Recipient::Group => -process_id,
        };
        // SAFETY: `kill` does not access our memory. The id is that of our child, which was not reaped (after that
        // `id` is `None`), so the system has not reused it; the child leads the process group with the same number.
        if unsafe { libc::kill(target, signal) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        // It has just ended by itself.
        if error.raw_os_error() == Some(libc::ESRCH) { Ok(()) } else { Err(error) }
    }

    fn failed(&self, attempt: &'static str, source: io::Error) -> Error {
        Error::Supervise { attempt, name: self.name.clone(), source }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Err(error) = self.signal(Recipient::Group, libc::SIGKILL) {
            tracing::warn!(%error, name = self.name, pid = self.process_id, "cannot kill a child that was dropped");
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Recipient {
    Leader,
    Group,
}

/// Makes the kernel kill the child when the thread that starts it dies.
fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    let prepare = move || {
        // SAFETY: `prctl` with PR_SET_PDEATHSIG takes one number and does not access our memory.
        if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } == -1 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `getppid` takes nothing and cannot fail.
        let parent_now = unsafe { libc::getppid() };
        // The parent died between fork and prctl, so its death will not be signalled any more.
        if u32::try_from(parent_now) != Ok(parent) {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        Ok(())
    };
    // SAFETY: the closure runs in the child between fork and exec. It makes two async-signal-safe system calls and
    // reads an integer that was moved into it; it does not allocate, take a lock or call our code.
    unsafe {
        command.pre_exec(prepare);
    }
}

struct Order {
    command: Command,
    runtime: tokio::runtime::Handle,
    reply: oneshot::Sender<io::Result<tokio::process::Child>>,
}

/// Starts the command from the one thread that lives as long as the process (see the module's documentation).
async fn spawn_from_lasting_thread(command: Command) -> io::Result<tokio::process::Child> {
    static ORDERS: OnceLock<Option<mpsc::Sender<Order>>> = OnceLock::new();
    let gone = || io::Error::other("the thread that starts children has ended");
    let orders = ORDERS.get_or_init(|| {
        let (orders, received) = mpsc::channel::<Order>();
        let thread = thread::Builder::new().name("children".to_owned()).spawn(move || {
            for Order { mut command, runtime, reply } in received {
                let context = runtime.enter();
                // If the caller is gone, the child is dropped here, which kills it.
                drop(reply.send(command.spawn()));
                drop(context);
            }
        });
        thread.ok().map(|_| orders)
    });
    let (reply, answer) = oneshot::channel();
    let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
    orders.as_ref().ok_or_else(gone)?.send(Order { command, runtime, reply }).map_err(|_| gone())?;
    answer.await.map_err(|_| gone())?
}
