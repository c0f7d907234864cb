use crate::Error;
use stentor_runtime::Shutdown;

/// Returns [`Error::Stopped`] once a signal has requested termination. Called before each unit of work.
pub(crate) fn go_on(shutdown: &Shutdown) -> Result<(), Error> {
    if shutdown.is_requested() { Err(Error::Stopped) } else { Ok(()) }
}
