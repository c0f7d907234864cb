//! Error output and exit codes of subcommands.

use crate::siblings::Ended;
use std::error::Error;
use std::process::ExitCode;
use std::{fmt, io};
use stentor_exit::{ExitStatus, ProgramError};
use stentor_store::Fault;

/// Runs `work` on a runtime for I/O. An error is printed and ends with its own exit code, or with 3 if it has none.
pub(crate) fn with(work: impl Future<Output = anyhow::Result<ExitStatus>>) -> ExitCode {
    let result = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => Err(stentor_runtime::Error::Threads(error).into()),
    };
    ExitCode::from(printed(result.unwrap_or_else(|error| failed(&error, ExitStatus::Data))).code())
}

/// The exit status of a command that prints its result: an error if the output could not be written, so that an empty
/// file is not mistaken for the result.
pub(crate) fn printed(status: ExitStatus) -> ExitStatus {
    match (status, stentor_runtime::print::output_lost()) {
        (ExitStatus::Ok, Some(problem)) => of_loss(problem).status,
        (status, _) => status,
    }
}

/// The message of an error that [`printed`] ends the command with.
pub(crate) fn told_loss(problem: &io::Error) -> String {
    format!("stentor: {} [{}]", stentor_runtime::print::told_loss(problem), of_loss(problem).id)
}

/// What lost output means: as for a file, with a full disk it may help to start again.
fn of_loss(problem: &io::Error) -> End {
    let status = ExitStatus::from(Fault::of_io("write", problem));
    End { id: id(status), status }
}

/// Prints an error, with the id under which docs/errors.md explains it. Returns its exit code, or `otherwise` if the error
/// does not determine one.
pub(crate) fn failed(error: &anyhow::Error, otherwise: ExitStatus) -> ExitStatus {
    let end = End::of(error, otherwise);
    stentor_runtime::errln!("stentor: {} [{}]", words(error), end.id);
    end.status
}

/// Formats an error and its causes; text that a cause repeats is printed once.
pub(crate) fn words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        let begins_like = |rest: &str| words.is_empty() || rest.starts_with([':', ' ']);
        if cause.strip_prefix(&words).is_some_and(begins_like) {
            words = cause;
        } else if !words.contains(&cause) {
            words += if words.is_empty() { "" } else { ": " };
            words += &cause;
        }
    }
    words
}

/// Id and exit code of the error that ends a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) id: &'static str,
    pub(crate) status: ExitStatus,
}

impl End {
    /// Returns the error's own, or those that the command has assigned by [`Meaning`], or those of `otherwise`.
    pub(crate) fn of(error: &anyhow::Error, otherwise: ExitStatus) -> Self {
        if let Some(ended) = error.chain().find_map(|cause| cause.downcast_ref::<Ended>()) {
            return Self { id: SIBLING_ENDED, status: ended.exit_status() };
        }
        let meant = error.chain().find_map(|cause| cause.downcast_ref::<Meant>());
        let typed = error.chain().find_map(typed);
        let status = meant.map(|meant| meant.status).or_else(|| typed.map(ProgramError::exit_status));
        let status = status.unwrap_or(otherwise);
        Self { id: typed.map_or_else(|| id(status), ProgramError::id), status }
    }
}

/// The id of the end of a program that the command started, whatever its exit code.
const SIBLING_ENDED: &str = "E1107";

/// The id of errors that only a command has, by what they mean.
fn id(status: ExitStatus) -> &'static str {
    match status {
        ExitStatus::Ok | ExitStatus::Failure => "E1101",
        ExitStatus::Config => "E1102",
        ExitStatus::Data => "E1103",
        ExitStatus::Auth => "E1104",
        ExitStatus::Stopped => "E1105",
        ExitStatus::Retryable => "E1106",
        ExitStatus::LostQuorum | ExitStatus::NonFinite | ExitStatus::Disagreement | ExitStatus::Excluded => {
            "E1107"
        }
    }
}

/// Finds an error with an id behind a cause of one type.
type Downcast = for<'a> fn(&'a (dyn Error + 'static)) -> Option<&'a dyn ProgramError>;

/// The types of errors that have an id: `anyhow` keeps no traits of what it holds.
const TYPES: [Downcast; 14] = [
    is::<stentor_experiment::Error>,
    is::<stentor_store::Error>,
    is::<stentor_shards::Error>,
    is::<stentor_prepare::Error>,
    is::<stentor_dataset::Error>,
    is::<stentor_evaluate::Error>,
    is::<stentor_language::Error>,
    is::<stentor_checkpoint::Error>,
    is::<stentor_signature::Error>,
    is::<stentor_runlog::Error>,
    is::<stentor_transcribe::Error>,
    is::<stentor_runtime::Error>,
    is::<stentor_runtime::tls::Error>,
    is::<crate::cluster::Refused>,
];

fn is<'a, E: ProgramError>(cause: &'a (dyn Error + 'static)) -> Option<&'a dyn ProgramError> {
    cause.downcast_ref::<E>().map(|error| error as &dyn ProgramError)
}

/// A cause as one of the errors that have an id.
fn typed<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a dyn ProgramError> {
    TYPES.iter().find_map(|is| is(cause))
}

/// An error whose exit code the command has determined.
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

impl Error for Meant {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.error.as_ref())
    }
}

/// Attaches an exit status to an error.
pub(crate) trait Meaning<T> {
    /// Returns the result with an error that ends the program with `status`.
    fn meaning(self, status: ExitStatus) -> anyhow::Result<T>;
}

impl<T> Meaning<T> for anyhow::Result<T> {
    fn meaning(self, status: ExitStatus) -> anyhow::Result<T> {
        self.map_err(|error| Meant { status, error }.into())
    }
}

/// A signal requested termination before the work was done; `then` says what a restart does.
pub(crate) fn stopped(then: &str) -> anyhow::Error {
    Meant { status: ExitStatus::Stopped, error: anyhow::anyhow!("stopped by a signal; {then}") }.into()
}

/// A failure after which the same command may succeed.
pub(crate) fn temporary(error: anyhow::Error) -> anyhow::Error {
    Meant { status: ExitStatus::Retryable, error }.into()
}

/// The exit code of an error of a command that reads data: 3 where the error does not determine one.
#[cfg(test)]
pub(crate) fn of(error: &anyhow::Error) -> ExitStatus {
    End::of(error, ExitStatus::Data).status
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_store_error_determines_the_status_at_any_depth() {
        let nowhere = || stentor_store::Error::NotFound { location: "x".into() };
        let shards = || stentor_shards::Error::Store(nowhere());
        let data = || stentor_dataset::Error::Shards { location: "x".into(), source: Box::new(shards()) };
        let of = |error: anyhow::Error| {
            let end = End::of(&error.context("reading"), ExitStatus::Failure);
            (end.id, end.status)
        };
        assert_eq!(of(nowhere().into()), ("E0203", ExitStatus::Data));
        assert_eq!(of(shards().into()), ("E0203", ExitStatus::Data));
        assert_eq!(of(data().into()), ("E0301", ExitStatus::Data));
        assert_eq!(of(stentor_runlog::Error::Store(nowhere()).into()), ("E0203", ExitStatus::Data));
        let cut = stentor_store::Error::Unavailable {
            operation: "read",
            location: "x".into(),
            reason: "cut".into(),
        };
        assert_eq!(of(stentor_checkpoint::Error::Store(cut).into()), ("E0206", ExitStatus::Retryable));
        let nothing = stentor_store::Store::open("foo://x").unwrap_err();
        assert_eq!(of(nothing.into()), ("E0201", ExitStatus::Config));
    }

    #[test]
    fn an_error_of_a_shard_has_an_id_and_so_has_one_that_only_the_command_knows() {
        let set = stentor_shards::Error::NoManifest { location: "x".into() };
        let set = anyhow::Error::new(set).context("the set");
        assert_eq!(End::of(&set, ExitStatus::Failure), End { id: "E0901", status: ExitStatus::Data });
        for status in ExitStatus::ALL {
            assert_eq!(End::of(&anyhow::anyhow!("anything"), status), End { id: id(status), status });
        }
        assert_eq!(End::of(&stopped("start again"), ExitStatus::Data).id, "E1105");
    }

    #[test]
    fn lost_output_has_the_name_of_the_program_and_an_id_as_other_errors_have() {
        let told = told_loss(&io::Error::from_raw_os_error(28));
        let expected = "stentor: cannot write to standard output: No space left on device (os error 28); output was lost [E1106]";
        assert_eq!(told, expected);
        assert_eq!(of_loss(&io::Error::from_raw_os_error(28)).status, ExitStatus::Retryable);
        assert_eq!(of_loss(&io::ErrorKind::ReadOnlyFilesystem.into()).id, "E1104");
    }

    #[test]
    fn a_system_error_is_printed_once_and_its_status_survives_added_context() {
        let missing = || std::io::Error::from_raw_os_error(2);
        let inner = anyhow::Error::new(missing()).context(format!("cannot read x: {}", missing()));
        let error = Err::<(), _>(inner).meaning(ExitStatus::Config).context("the corpus").unwrap_err();
        assert_eq!(words(&error), "the corpus: cannot read x: No such file or directory (os error 2)");
        let place = anyhow::anyhow!("dir does not exist").context("dir");
        assert_eq!(words(&place), "dir does not exist");
        let other = anyhow::anyhow!("directory").context("dir");
        assert_eq!(words(&other), "dir: directory");
        assert_eq!(of(&error), ExitStatus::Config);
    }

    #[test]
    fn an_exit_code_that_the_command_determines_keeps_the_errors_own_id() {
        let url = stentor_runtime::tls::Error::Url { url: "http://x".into(), reason: "y" };
        let error = Err::<(), _>(anyhow::Error::new(url)).meaning(ExitStatus::Retryable).unwrap_err();
        assert_eq!(End::of(&error, ExitStatus::Failure), End { id: "E0807", status: ExitStatus::Retryable });
    }
}
