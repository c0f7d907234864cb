use std::path::PathBuf;
use std::process::Command;

/// The folders of the test.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) programs: PathBuf,
    pub(super) folder: PathBuf,
}

impl Place {
    /// A command of `stentor`.
    pub(super) fn stentor(&self, subcommand: &str) -> Command {
        let mut command = Command::new(self.programs.join("stentor"));
        command.arg(subcommand).env("STENTOR_LOG", "error");
        command
    }
}
