//! `stentor transcribe`: the words of files and streams. The command line is that of `stentor-transcribe`.

use anyhow::Result;
pub(crate) use stentor_transcribe::command::Args;

pub(crate) fn run(arguments: &Args) -> Result<()> {
    Ok(stentor_transcribe::command::run_program(arguments)?)
}
