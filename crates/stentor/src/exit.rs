//! Ends of the subcommands whose exit code is a verdict.

use std::process::ExitCode;
use stentor_runtime::ExitStatus;

/// Does `work` on a runtime for I/O. An error is told, and ends with 75 where a store did not answer, else with 3.
pub(crate) fn with(work: impl Future<Output = anyhow::Result<ExitStatus>>) -> ExitCode {
    let status = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work).unwrap_or_else(|error| {
            tell(&error);
            of(&error)
        }),
        Err(error) => {
            eprintln!("stentor: cannot start the I/O runtime: {error}");
            ExitStatus::Failure
        }
    };
    ExitCode::from(status.code())
}

/// Says why nothing came of it, with the id under which docs/errors.md says more.
pub(crate) fn tell(error: &anyhow::Error) {
    match error.chain().filter_map(id).last() {
        Some(id) => eprintln!("stentor: {error:#} [{id}]"),
        None => eprintln!("stentor: {error:#}"),
    }
}

/// Of an error that has one.
fn id(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    None.or_else(|| cause.downcast_ref().map(stentor_experiment::Error::id))
        .or_else(|| cause.downcast_ref().map(stentor_store::Error::id))
        .or_else(|| cause.downcast_ref().map(stentor_dataset::Error::id))
        .or_else(|| cause.downcast_ref().map(stentor_checkpoint::Error::id))
        .or_else(|| cause.downcast_ref().map(stentor_coordinator::Error::id))
        .or_else(|| cause.downcast_ref().map(stentor_runtime::tls::Error::id))
}

/// What an error means to whoever started the program.
pub(crate) fn of(error: &anyhow::Error) -> ExitStatus {
    if error.chain().any(is_passing) { ExitStatus::Retryable } else { ExitStatus::Data }
}

/// Whether a store did not answer, so that nothing is known of what is in it.
fn is_passing(cause: &(dyn std::error::Error + 'static)) -> bool {
    use stentor_checkpoint::Error as Checkpoint;
    use stentor_coordinator::Error as Coordinator;
    use stentor_dataset::Error as Data;
    use stentor_shards::Error as Shards;
    use stentor_store::Error as Store;
    let store = match (cause.downcast_ref(), cause.downcast_ref(), cause.downcast_ref()) {
        (Some(Shards::Store(store)), _, _)
        | (_, Some(Checkpoint::Store(store)), _)
        | (_, _, Some(Coordinator::Store(store))) => Some(store),
        _ => cause.downcast_ref::<Store>(),
    };
    let data = cause.downcast_ref::<Data>();
    store.is_some_and(Store::is_retryable) || data.is_some_and(Data::is_unreachable)
}
