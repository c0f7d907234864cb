//! Shell completions and manual pages, generated from the definition of the command line.

use crate::exit::Meaning;
use anyhow::{Context, Result};
use clap::{Command, Parser};
use std::path::PathBuf;
use stentor_runtime::ExitStatus;
use stentor_store::Fault;

/// Print completions for a shell.
#[derive(Debug, Parser)]
pub(crate) struct Completions {
    /// For bash, save as `~/.local/share/bash-completion/completions/stentor`; for zsh, as `_stentor` in a folder of
    /// `$fpath`; for fish, as `~/.config/fish/completions/stentor.fish`.
    shell: clap_complete::Shell,
}

/// Write manual pages, one for each command.
#[derive(Debug, Parser)]
pub(crate) struct Man {
    /// The folder, such as `~/.local/share/man/man1`; created if it does not exist.
    folder: PathBuf,
}

impl Completions {
    pub(crate) fn run(&self, mut stentor: Command) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut stentor, "stentor", &mut script);
        stentor_runtime::out!("{}", String::from_utf8(script).context("the completions are not UTF-8")?);
        Ok(())
    }
}

impl Man {
    pub(crate) fn run(&self, stentor: Command) -> Result<()> {
        let shown = self.folder.display();
        let made = std::fs::create_dir_all(&self.folder);
        if let Err(error) = made.and_then(|()| clap_mangen::generate_to(stentor, &self.folder)) {
            let status = ExitStatus::from(Fault::of_io("write", &error));
            return Err(anyhow::Error::new(error).context(format!("cannot write to {shown}")))
                .meaning(status);
        }
        stentor_runtime::outln!("manual pages written to {shown}");
        Ok(())
    }
}
