//! Child processes of measurements, which must not outlive them.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// Starts a program that the kernel kills when the thread that calls this ends, or is killed with its process: what is dropped kills
/// its children, but a process that gets SIGTERM drops nothing. Call it from the main thread.
pub(crate) fn spawn_bound(command: &mut Command) -> io::Result<Child> {
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
    command.spawn()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_child_ends_with_whoever_started_it() {
        let started = std::thread::spawn(|| spawn_bound(Command::new("sleep").arg("600")).unwrap());
        let mut child = started.join().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    }
}
