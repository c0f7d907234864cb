use crate::exit::stopped;
use anyhow::Result;
use stentor_runtime::Shutdown;

/// An error that ends the program with 8 once a signal has asked for the end. Asked before each piece of work.
pub(super) fn go_on(shutdown: &Shutdown) -> Result<()> {
    match shutdown.is_requested() {
        false => Ok(()),
        true => Err(stopped("start again to go on: what an aligner has answered is kept")),
    }
}
