//! `teacher-labeler`: runs a model over feature shards and writes the most probable senones of every frame.

use clap::Parser;
use stentor_runtime::{ExitStatus, ProgramError, Shutdown, telemetry};
use stentor_teacher_labeler::{Options, run};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitStatus {
    let options = Options::parse();
    let telemetry = telemetry::TelemetryOptions { program: "teacher-labeler", metrics: options.metrics };
    let _telemetry = match telemetry::init(telemetry) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            stentor_runtime::errln!("teacher-labeler: {error} [{}]", error.id());
            return error.exit_status();
        }
    };
    match run(&options, &Shutdown::listen()).await {
        Ok(figures) => {
            tracing::info!(
                frames = figures.frames,
                frames_per_s = figures.frames_per_s,
                bytes_per_frame = figures.bytes_per_frame,
                "labeled"
            );
            ExitStatus::Ok
        }
        Err(error) => {
            tracing::error!(id = error.id(), "{error}");
            error.exit_status()
        }
    }
}
