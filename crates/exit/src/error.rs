use crate::ExitStatus;

/// An error that can end a program. Each crate implements it next to its error type, by matches without a wildcard, so a
/// new variant does not compile before it has an id and an exit code.
pub trait ProgramError: std::error::Error + Send + Sync + 'static {
    /// An id such as `E0203`, which stays when the text of the message changes. `docs/errors.md` has a line for each.
    fn id(&self) -> &'static str;

    /// The exit code of a program that this error ends.
    fn exit_status(&self) -> ExitStatus;
}
