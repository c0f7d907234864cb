use clap::Parser;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

/// Label a feature set with a trained teacher: starts the program `teacher-labeler`.
#[derive(Debug, Parser)]
#[command(disable_help_flag = true, allow_hyphen_values = true)]
pub(crate) struct Args {
    /// Options of `teacher-labeler`: --model, --features, --out, --top-k, --index, --of, --threads, --device, --json.
    #[arg(trailing_var_arg = true, value_name = "OPTIONS")]
    options: Vec<String>,
}

pub(crate) fn run(arguments: &Args) -> ExitCode {
    let program = crate::siblings::path("teacher-labeler");
    // Its help and its complaints name the command that was typed.
    match std::process::Command::new(&program).arg0("stentor label").args(&arguments.options).status() {
        Ok(status) => {
            status.code().and_then(|c| u8::try_from(c).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Err(error) => {
            stentor_runtime::errln!("stentor: {}: {error}", crate::siblings::expected("teacher-labeler"));
            ExitCode::FAILURE
        }
    }
}
