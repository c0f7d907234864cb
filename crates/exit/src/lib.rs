//! How the programs of Stentor end: exit codes, and what an error must have to end a program.

mod error;
mod reaction;
mod status;

pub use error::ProgramError;
pub use reaction::Reaction;
pub use status::ExitStatus;
