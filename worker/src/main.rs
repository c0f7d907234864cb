//! `worker --coordinator URL`: one member of a training cluster.

use clap::Parser;
use stentor_runtime::{ExitStatus, Shutdown, telemetry};

fn main() -> ExitStatus {
    let options = stentor_worker::Options::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("worker: {error}");
            return ExitStatus::Failure;
        }
    };
    runtime.block_on(async {
        let telemetry = telemetry::TelemetryOptions { program: "worker", metrics: options.metrics };
        let _telemetry = match telemetry::init(telemetry) {
            Ok(telemetry) => telemetry,
            Err(error) => {
                eprintln!("worker: {error}");
                return ExitStatus::Config;
            }
        };
        match stentor_worker::run(&options, &Shutdown::listen()).await {
            Ok(()) => ExitStatus::Ok,
            Err(error) => {
                tracing::error!("{error}");
                error.exit_status()
            }
        }
    })
}
