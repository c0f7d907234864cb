//! What shells and `man` know of the command line, made from its definition.

use anyhow::{Context, Result};
use clap::{Command, Parser};
use std::path::PathBuf;

/// Print a shell's completions, for its own folder of them.
#[derive(Debug, Parser)]
pub(crate) struct Completions {
    /// For bash: into `~/.local/share/bash-completion/completions/stentor`; zsh: `_stentor` in a folder of `$fpath`; fish:
    /// `~/.config/fish/completions/stentor.fish`.
    shell: clap_complete::Shell,
}

/// Write manual pages, one for each command.
#[derive(Debug, Parser)]
pub(crate) struct Man {
    /// The folder, such as `~/.local/share/man/man1`; made where it is not there.
    folder: PathBuf,
}

impl Completions {
    pub(crate) fn run(&self, mut stentor: Command) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut stentor, "stentor", &mut script);
        stentor_runtime::out!("{}", String::from_utf8(script).context("completions that are no text")?);
        Ok(())
    }
}

impl Man {
    pub(crate) fn run(&self, stentor: Command) -> Result<()> {
        let shown = self.folder.display();
        std::fs::create_dir_all(&self.folder).with_context(|| format!("cannot make {shown}"))?;
        clap_mangen::generate_to(stentor, &self.folder)
            .with_context(|| format!("cannot write to {shown}"))?;
        stentor_runtime::outln!("manual pages in {shown}");
        Ok(())
    }
}
