//! How these errors end a program: ids for docs/errors.md, and exit codes.

use super::{ArpaProblem, Error};
use stentor_exit::{ExitStatus, ProgramError};

impl ProgramError for Error {
    fn id(&self) -> &'static str {
        match self {
            Error::Read(_) => "E1301",
            Error::NotUtf8 { .. } => "E1302",
            Error::LineTooLong { .. } => "E1303",
            Error::EmptyText => "E1304",
            Error::ReservedWord { .. } => "E1305",
            Error::EmptyVocabulary => "E1306",
            Error::NotAWord { .. } => "E1307",
            Error::RepeatedWord { .. } => "E1308",
            Error::Order { .. } => "E1309",
            Error::TooManyNgrams => "E1310",
            Error::DifferentVocabularies { .. } => "E1311",
            Error::Weights { .. } => "E1312",
            Error::Threshold { .. } => "E1313",
            Error::Arpa { problem, .. } => match problem {
                ArpaProblem::CutShort { .. } => "E1321",
                ArpaProblem::Syntax { .. } => "E1322",
                ArpaProblem::NotALogProbability { .. } => "E1323",
                ArpaProblem::NotABackoff { .. } => "E1324",
                ArpaProblem::Count { .. } => "E1325",
                ArpaProblem::MissingBoundary { .. } => "E1326",
                ArpaProblem::UnknownWord { .. } => "E1327",
                ArpaProblem::MissingHistory { .. } => "E1328",
                ArpaProblem::Repeated { .. } => "E1329",
            },
        }
    }

    fn exit_status(&self) -> ExitStatus {
        match self {
            Error::Order { .. } | Error::Weights { .. } | Error::Threshold { .. } => ExitStatus::Config,
            _ => ExitStatus::Data,
        }
    }
}
