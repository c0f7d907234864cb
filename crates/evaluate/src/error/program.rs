//! How these errors end a program: ids for docs/errors.md, and exit codes.

use super::Error;
use stentor_exit::{ExitStatus, ProgramError};

impl ProgramError for Error {
    fn id(&self) -> &'static str {
        match self {
            Error::Inventory(_) => "E1401",
            Error::Shape { .. } => "E1402",
            Error::RepeatedSenone { .. } => "E1403",
            Error::NotAProbability { .. } => "E1404",
            Error::NoReference => "E1405",
            Error::Setting { .. } => "E1406",
            Error::NothingToTune { .. } => "E1407",
            Error::OtherUtterances { .. } => "E1408",
            Error::OtherRecordings { .. } => "E1409",
            Error::NothingToScore => "E1410",
            Error::Unnamed { .. } => "E1411",
            Error::RepeatedSegment { .. } => "E1412",
            Error::Channels { .. } => "E1413",
            Error::TooLong { .. } => "E1414",
            Error::Line { .. } => "E1415",
            Error::Read { .. } => "E1416",
            Error::Write { .. } => "E1417",
            Error::Unwritable { .. } => "E1418",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        match self {
            Error::Setting { .. } => ExitStatus::Config,
            _ => ExitStatus::Data,
        }
    }
}
