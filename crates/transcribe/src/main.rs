//! `stentor-transcribe`: `stentor transcribe` as a program of its own, which is all that a machine needs that recognises speech.

use clap::Parser;
use std::io::Write;
use std::process::ExitCode;
use stentor_exit::ProgramError;
use stentor_transcribe::command::{Args, run_program};

/// Recognises the words of audio files, or of raw audio on standard input as it comes.
#[derive(Debug, Parser)]
#[command(name = "stentor-transcribe", version, about)]
struct Program {
    #[command(flatten)]
    arguments: Args,
}

fn main() -> ExitCode {
    let Program { arguments } = Program::parse();
    let Err(error) = run_program(&arguments) else {
        return ExitCode::SUCCESS;
    };
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        words += &format!(": {error}");
        cause = error.source();
    }
    // There is no other place to report that this failed.
    let _ = writeln!(std::io::stderr().lock(), "stentor-transcribe: {words} [{}]", error.id());
    ExitCode::from(error.exit_status() as u8)
}
