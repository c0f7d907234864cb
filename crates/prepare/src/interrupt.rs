use crate::Error;
use stentor_runtime::Shutdown;

/// [`Error::Stopped`] once a signal has asked for the end. Called before each piece of work.
pub(crate) fn go_on(shutdown: &Shutdown) -> Result<(), Error> {
    if shutdown.is_requested() { Err(Error::Stopped) } else { Ok(()) }
}
