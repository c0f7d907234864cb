//! The effect of signals on a program.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/processes.rs"]
mod processes;

use processes::{Probe, send};
use std::thread;
use std::time::Duration;
use stentor_runtime::ExitStatus;

#[test]
fn the_first_signal_of_either_kind_asks_for_an_orderly_stop() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let (mut probe, mut lines) = Probe::start("stop");
        assert_eq!(lines.next(), "ready");
        send(probe.0.id(), signal);
        assert_eq!(lines.next(), "asked");
        let code = probe.0.wait().unwrap().code().unwrap();
        assert_eq!(ExitStatus::from_code(code), Some(ExitStatus::Stopped));
    }
}

#[test]
fn the_second_signal_ends_a_program_that_is_busy_with_something_else() {
    for (second, code) in [(libc::SIGTERM, 143), (libc::SIGINT, 130)] {
        let (mut probe, mut lines) = Probe::start("stubborn");
        assert_eq!(lines.next(), "ready");
        send(probe.0.id(), libc::SIGTERM);
        assert_eq!(lines.next(), "asked");
        thread::sleep(Duration::from_millis(100));
        assert_eq!(probe.0.try_wait().unwrap(), None);
        send(probe.0.id(), second);
        assert_eq!(probe.0.wait().unwrap().code(), Some(code));
    }
}
