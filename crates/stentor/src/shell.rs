//! Shell completions and manual pages, generated from the definition of the command line.

use anyhow::{Context, Result};
use clap::{Command, Parser};
use std::path::PathBuf;

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
        std::fs::create_dir_all(&self.folder).with_context(|| format!("cannot create {shown}"))?;
        clap_mangen::generate_to(stentor, &self.folder)
            .with_context(|| format!("cannot write to {shown}"))?;
        stentor_runtime::outln!("manual pages written to {shown}");
        Ok(())
    }
}
