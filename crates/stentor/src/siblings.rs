//! The programs that need libtorch or run as separate processes: found beside this program, otherwise on the PATH.

use std::path::PathBuf;
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
