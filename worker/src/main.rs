//! `worker --coordinator URL`: a member of a training cluster. `worker replay`: computes a closed round's batches
//! again.

use stentor_runtime::{ExitStatus, ProgramError, Shutdown, telemetry};
use stentor_worker::{CommandLine, Error, Study};

fn main() -> ExitStatus {
    let line = CommandLine::read();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = stentor_runtime::Error::Threads(error);
            stentor_runtime::errln!("worker: {error} [{}]", error.id());
            return error.exit_status();
        }
    };
    runtime.block_on(async {
        let telemetry = telemetry::TelemetryOptions {
            program: "worker",
            metrics: line.options.as_ref().and_then(|options| options.metrics),
        };
        let _telemetry = match telemetry::init(telemetry) {
            Ok(telemetry) => telemetry,
            Err(error) => {
                stentor_runtime::errln!("worker: {error} [{}]", error.id());
                return error.exit_status();
            }
        };
        match act(&line).await {
            Ok(()) => ExitStatus::Ok,
            Err(error) if error.is_by_request() => {
                tracing::info!("{error}");
                error.exit_status()
            }
            Err(error) => {
                tracing::error!(id = error.id(), "{error}");
                error.exit_status()
            }
        }
    })
}

async fn act(line: &CommandLine) -> Result<(), Error> {
    match (&line.study, &line.options) {
        (Some(Study::Replay(replay)), _) => {
            let replayed = stentor_worker::replay(replay).await?;
            let json = serde_json::to_string(&replayed).map_err(|e| Error::Request(e.to_string()))?;
            stentor_runtime::outln!("{json}");
            Ok(())
        }
        (None, Some(options)) => stentor_worker::run(options, &Shutdown::listen()).await,
        (None, None) => Err(Error::Request("expected --coordinator and --identity, found neither".into())),
    }
}
