//! How subcommands end: what an error says, and the exit code that follows from it.

use std::fmt;
use std::process::ExitCode;
use stentor_runtime::ExitStatus;

/// Does `work` on a runtime for I/O. An error is told, and ends with the code of a store's fault where one is behind it, else
/// with 3.
pub(crate) fn with(work: impl Future<Output = anyhow::Result<ExitStatus>>) -> ExitCode {
    let status = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work).unwrap_or_else(|error| {
            tell(&error);
            of(&error)
        }),
        Err(error) => {
            stentor_runtime::errln!("stentor: cannot start the I/O runtime: {error}");
            ExitStatus::Failure
        }
    };
    ExitCode::from(printed(status).code())
}

/// The status of a command that has printed what it was asked for: a failure where that was lost, lest an empty file be
/// taken for the answer.
pub(crate) fn printed(status: ExitStatus) -> ExitStatus {
    match status {
        ExitStatus::Ok if stentor_runtime::print::is_output_lost() => ExitStatus::Failure,
        status => status,
    }
}

/// Says why nothing came of it, with the id under which docs/errors.md says more.
pub(crate) fn tell(error: &anyhow::Error) {
    let words = words(error);
    match error.chain().filter_map(id).last() {
        Some(id) => stentor_runtime::errln!("stentor: {words} [{id}]"),
        None => stentor_runtime::errln!("stentor: {words}"),
    }
}

/// An error and its causes; what a cause says that was said before is not said twice.
fn words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !words.contains(&cause) {
            words += if words.is_empty() { "" } else { ": " };
            words += &cause;
        }
    }
    words
}

/// An error of which is known what it means to whoever started the program.
#[derive(Debug)]
struct Meant {
    status: ExitStatus,
    error: anyhow::Error,
}

impl fmt::Display for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Meant {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.error.as_ref())
    }
}

/// Gives an error its exit code.
pub(crate) trait Meaning<T> {
    /// The same, with an error that ends the program with `status`.
    fn meaning(self, status: ExitStatus) -> anyhow::Result<T>;
}

impl<T> Meaning<T> for anyhow::Result<T> {
    fn meaning(self, status: ExitStatus) -> anyhow::Result<T> {
        self.map_err(|error| Meant { status, error }.into())
    }
}

/// A signal has asked for the end before the work was done; `then`: what another start does.
pub(crate) fn stopped(then: &str) -> anyhow::Error {
    Meant { status: ExitStatus::Stopped, error: anyhow::anyhow!("stopped by a signal; {then}") }.into()
}

/// Of an error that has one.
fn id(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    None.or_else(|| cause.downcast_ref().map(stentor_experiment::Error::id))
        .or_else(|| cause.downcast_ref().map(stentor_store::Error::id))
        .or_else(|| cause.downcast_ref().map(stentor_dataset::Error::id))
        .or_else(|| cause.downcast_ref().map(stentor_checkpoint::Error::id))
        .or_else(|| cause.downcast_ref().map(stentor_runlog::Error::id))
        .or_else(|| cause.downcast_ref().map(stentor_runtime::tls::Error::id))
}

/// What an error means to whoever started the program, where nothing else is known: the data are not as they must be.
pub(crate) fn of(error: &anyhow::Error) -> ExitStatus {
    of_or(error, ExitStatus::Data)
}

/// What an error means to whoever started the program; `otherwise` where it does not tell.
pub(crate) fn of_or(error: &anyhow::Error, otherwise: ExitStatus) -> ExitStatus {
    let is_config = |cause: &(dyn std::error::Error + 'static)| cause.is::<stentor_experiment::Error>();
    match error.chain().find_map(|cause| cause.downcast_ref::<Meant>()) {
        Some(meant) => meant.status,
        None => match error.chain().find_map(of_a_store) {
            Some(store) => store.into(),
            None if error.chain().any(is_config) => ExitStatus::Config,
            None => otherwise,
        },
    }
}

/// The store's own error, where a store is at fault rather than what is in it.
fn of_a_store<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a stentor_store::Error> {
    cause
        .downcast_ref::<stentor_store::Error>()
        .or_else(|| cause.downcast_ref::<stentor_shards::Error>()?.store())
        .or_else(|| cause.downcast_ref::<stentor_checkpoint::Error>()?.store())
        .or_else(|| cause.downcast_ref::<stentor_dataset::Error>()?.store())
        .or_else(|| cause.downcast_ref::<stentor_runlog::Error>()?.store())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_fault_of_a_store_decides_however_deep_it_lies() {
        let nowhere = || stentor_store::Error::NotFound { location: "x".into() };
        let shards = || stentor_shards::Error::Store(nowhere());
        let data = || stentor_dataset::Error::Shards { location: "x".into(), source: Box::new(shards()) };
        let of = |error: anyhow::Error| of_or(&error.context("reading"), ExitStatus::Failure);
        assert_eq!(of(nowhere().into()), ExitStatus::Data);
        assert_eq!(of(shards().into()), ExitStatus::Data);
        assert_eq!(of(data().into()), ExitStatus::Data);
        assert_eq!(of(stentor_runlog::Error::Store(nowhere()).into()), ExitStatus::Data);
        let cut = stentor_store::Error::Unavailable {
            operation: "read",
            location: "x".into(),
            reason: "cut".into(),
        };
        assert_eq!(of(stentor_checkpoint::Error::Store(cut).into()), ExitStatus::Retryable);
        let nothing = stentor_store::Store::open("foo://x").unwrap_err();
        assert_eq!(of(nothing.into()), ExitStatus::Config);
    }

    #[test]
    fn a_system_error_is_said_once_and_its_meaning_survives_what_is_said_around_it() {
        let missing = || std::io::Error::from_raw_os_error(2);
        let inner = anyhow::Error::new(missing()).context(format!("cannot read x: {}", missing()));
        let error = Err::<(), _>(inner).meaning(ExitStatus::Config).context("the corpus").unwrap_err();
        assert_eq!(words(&error), "the corpus: cannot read x: No such file or directory (os error 2)");
        assert_eq!(of(&error), ExitStatus::Config);
        assert_eq!(of_or(&anyhow::anyhow!("anything"), ExitStatus::Failure), ExitStatus::Failure);
    }
}
