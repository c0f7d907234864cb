use crate::exit::{self, Meaning, stopped};
use crate::siblings;
use anyhow::{Context, Result};
use clap::Parser;
use std::process::ExitCode;
use stentor_runtime::{Child, ExitStatus, Shutdown};

/// Label a feature set with a trained teacher: starts the program `teacher-labeler`.
#[derive(Debug, Parser)]
#[command(disable_help_flag = true, allow_hyphen_values = true)]
pub(crate) struct Args {
    /// Options of `teacher-labeler`: --model, --features, --out, --top-k, --index, --of, --threads, --device, --json.
    #[arg(trailing_var_arg = true, value_name = "OPTIONS")]
    options: Vec<String>,
}

pub(crate) fn run(arguments: &Args) -> ExitCode {
    exit::with(label(arguments))
}

/// Exits with the labeler's exit status. Signals are forwarded to the labeler, which finishes the row group in
/// progress.
async fn label(arguments: &Args) -> Result<ExitStatus> {
    let shutdown = Shutdown::listen();
    let mut command = siblings::command("teacher-labeler");
    // The labeler's help and error messages name the command that was typed.
    command.arg0("stentor label").args(&arguments.options);
    let labeler = Child::spawn("teacher-labeler", command).await;
    let labeler = labeler.with_context(|| siblings::expected("teacher-labeler"));
    let mut labeler = labeler.meaning(ExitStatus::Failure)?;
    let status = tokio::select! {
        status = labeler.wait() => status?,
        () = shutdown.requested() => {
            labeler.terminate()?;
            labeler.wait().await?
        }
    };
    // It explains its own exit codes; but a signal may have ended it before it could handle signals, or kill it.
    match status.code().and_then(ExitStatus::from_code) {
        Some(status) => Ok(status),
        None => {
            let ended = siblings::Ended::new("teacher-labeler", status, "the feature set");
            Err(if ended.was_stopped() { stopped(AGAIN) } else { ended.into() })
        }
    }
}

/// What another start does after a signal.
const AGAIN: &str = "start again to continue: complete shards stay";
