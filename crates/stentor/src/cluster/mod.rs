//! `stentor status` and the commands to a running coordinator.

mod command;
mod refused;
mod status;
mod target;

pub(crate) use command::{Checkpoint, Drain, Drop, Pause, Resume, Switch};
pub(crate) use refused::Refused;
pub(crate) use status::Status;
