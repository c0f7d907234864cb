//! The programs that need libtorch or run as separate processes: found beside this program, otherwise on the PATH.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use stentor_exit::ExitStatus;
use tokio::process::Command;

/// A command for the sibling `program`.
pub(crate) fn command(program: &str) -> Command {
    Command::new(path(program))
}

/// The path of the sibling `program`.
pub(crate) fn path(program: &str) -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(program)));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from(program))
}

/// The error if the sibling `program` cannot be started.
pub(crate) fn expected(program: &str) -> String {
    format!("expected the program `{program}` beside `stentor` or on the PATH")
}

/// A sibling program that has ended with an error, which it has printed itself.
#[derive(Debug)]
pub(crate) struct Ended {
    program: &'static str,
    status: std::process::ExitStatus,
    over: String,
}

impl Ended {
    /// `over`: what the program worked on.
    pub(crate) fn new(program: &'static str, status: std::process::ExitStatus, over: &str) -> Self {
        Self { program, status, over: over.to_owned() }
    }

    /// The program's exit status.
    pub(crate) fn exit_status(&self) -> ExitStatus {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => ExitStatus::from_code(code).unwrap_or(ExitStatus::Failure),
            (None, Some(SIGINT | SIGTERM)) => ExitStatus::Stopped,
            (None, _) => ExitStatus::Failure,
        }
    }

    /// Whether it ended because of a signal that asks to stop, in good order or before it could handle signals.
    pub(crate) fn was_stopped(&self) -> bool {
        self.exit_status() == ExitStatus::Stopped
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, status, over } = self;
        let advice = match status.signal() {
            Some(SIGKILL) => "the system kills programs when memory is short, or somebody ended it",
            _ => "see its messages above",
        };
        write!(f, "{program} ended with {status} over {over}; {advice}")
    }
}

impl std::error::Error for Ended {}

/// Numbers of signals on Linux.
const SIGINT: i32 = 2;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_of_a_sibling_is_the_commands_own() {
        // As `wait` encodes them: a code in the second byte, a signal in the first.
        let ended = |raw| Ended::new("worker", std::process::ExitStatus::from_raw(raw), "data/test");
        for status in ExitStatus::ALL {
            assert_eq!(ended(i32::from(status.code()) << 8).exit_status(), status);
        }
        assert_eq!(ended(101 << 8).exit_status(), ExitStatus::Failure, "a panic");
        assert_eq!(ended(SIGKILL).exit_status(), ExitStatus::Failure);
        assert!(ended(SIGTERM).was_stopped() && ended(SIGINT).was_stopped() && ended(8 << 8).was_stopped());
        let words = ended(SIGKILL).to_string();
        assert!(
            words.contains("worker") && words.contains("data/test") && words.contains("memory"),
            "{words}"
        );
        assert!(ended(75 << 8).to_string().contains("75"));
    }
}
