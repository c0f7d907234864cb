//! Programs that the demo runs as steps.

use super::{Demo, options};
use crate::journal::{Done, Leftovers, Step};
use anyhow::Result;
use std::path::Path;
use std::process::Command;
use stentor_tasks::process;
use stentor_tasks::remove_folder;

/// A program to run, unless it was run before on the same inputs.
pub(super) struct Call<'a> {
    name: &'a str,
    /// Everything that the result depends on.
    inputs: String,
    /// What it writes.
    output: &'a Path,
    leftovers: Leftovers,
    /// A folder besides `output` that must not be there when it starts.
    clears: Option<&'a Path>,
    command: Command,
}

impl<'a> Call<'a> {
    /// A program whose result depends on its command line and on other steps, and that starts from the beginning if it was
    /// interrupted.
    pub(super) fn new(name: &'a str, after: &[Done], output: &'a Path, command: Command) -> Self {
        let mut inputs = arguments(&command);
        for done in after {
            inputs += &format!("\nafter {}", done.token);
        }
        Self { name, inputs, output, leftovers: Leftovers::Discard, clears: None, command }
    }

    /// The result also depends on `more`.
    pub(super) fn with(mut self, more: &str) -> Self {
        self.inputs += "\n";
        self.inputs += more;
        self
    }

    /// The program continues with what it has left.
    pub(super) fn resuming(self) -> Self {
        Self { leftovers: Leftovers::Resume, ..self }
    }

    /// Removes a folder before the program starts.
    pub(super) fn clearing(self, folder: &'a Path) -> Self {
        Self { clears: Some(folder), ..self }
    }

    /// Adds an argument that does not change the result.
    pub(super) fn arg(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }
}

impl Demo<'_> {
    /// A command of `stentor`.
    pub(super) fn stentor(&self, subcommand: &str) -> Command {
        let mut command = Command::new(self.programs.join("stentor"));
        command.arg(subcommand).current_dir(&self.environment.root);
        // Progress bars and tables are sufficient, unless the user asks for more.
        if std::env::var_os("STENTOR_LOG").is_none() {
            command.env("STENTOR_LOG", "warn");
        }
        command
    }

    /// Runs a program as a step, and prints its command line.
    pub(super) fn call(&self, call: Call<'_>) -> Result<Done> {
        let Call { name, inputs, output, leftovers, clears, mut command } = call;
        let deadline = options::deadline(self.options.size());
        self.journal.step(&Step { name, inputs, output, leftovers }, || {
            clears.map_or(Ok(()), remove_folder)?;
            let program = Path::new(command.get_program()).file_name().unwrap_or_default();
            eprintln!("   {} {}", program.to_string_lossy(), arguments(&command));
            process::run(&mut command, deadline)
        })
    }
}

/// The command line without the program's path.
fn arguments(command: &Command) -> String {
    command.get_args().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
