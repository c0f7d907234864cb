//! Signals that ask the program to stop.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicBool, Ordering};

static IS_REQUESTED: AtomicBool = AtomicBool::new(false);

/// How long a wait for input may last before the request is looked at again: nobody notices a tenth of a second.
const WAIT_MS: libc::c_int = 100;

/// From now on the first SIGINT or SIGTERM is a request to stop. The second of either kind ends the process at once with 128 + its
/// number, as in all programs of Stentor. If the system refuses the handlers, signals have their default effect.
pub(crate) fn listen() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let handler = on_signal as extern "C" fn(libc::c_int);
        // SAFETY: `sigaction` is a C struct for which zeros are valid: no flag, an empty mask, the default handler. The handler has
        // the type that goes without SA_SIGINFO, and does nothing that is not allowed in one. The pointers are to a local value, and
        // null where no result is wanted.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

/// Whether there was a signal since [`listen`].
pub(crate) fn is_requested() -> bool {
    IS_REQUESTED.load(Ordering::Relaxed)
}

extern "C" fn on_signal(signal: libc::c_int) {
    if IS_REQUESTED.swap(true, Ordering::Relaxed) {
        // SAFETY: `_exit` has no preconditions, and is allowed in handlers of signals.
        unsafe { libc::_exit(128 + signal) }
    }
}

/// Standard input, which ends when a stop is requested.
#[derive(Debug)]
pub(crate) struct Input {
    file: File,
}

impl Input {
    /// # Errors
    /// If the process has no file descriptor left.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { file: io::stdin().as_fd().try_clone_to_owned()?.into() })
    }
}

impl Read for Input {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while !is_requested() {
            let mut waited = libc::pollfd { fd: self.file.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: the pointer is to one `pollfd`, as the number says, whose descriptor the file keeps open.
            let ready = unsafe { libc::poll(&raw mut waited, 1, WAIT_MS) };
            if ready > 0 {
                return self.file.read(to);
            }
            let error = io::Error::last_os_error();
            if ready < 0 && error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok(0)
    }
}
