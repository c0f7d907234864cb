//! How these errors end a program: ids for docs/errors.md, and exit codes.

use super::{Error, RowError};
use stentor_exit::{ExitStatus, ProgramError};

impl ProgramError for Error {
    fn id(&self) -> &'static str {
        match self {
            Error::Store(error) => error.id(),
            Error::Row { problem, .. } => problem.id(),
            Error::NewRow(problem) => problem.id(),
            Error::NoManifest { .. } => "E0901",
            Error::ManifestSyntax { .. } => "E0902",
            Error::WrongKind { .. } => "E0903",
            Error::WrongSchemaVersion { .. } => "E0904",
            Error::ManifestContent { .. } => "E0905",
            Error::Fingerprint { .. } => "E0906",
            Error::Dimension { .. } => "E0907",
            Error::AlreadyPublished { .. } => "E0908",
            Error::PhoneStrings { .. } => "E0909",
            Error::NotAPair { .. } => "E0910",
            Error::NoColumn { .. } => "E0911",
            Error::NewerColumn { .. } => "E0912",
            Error::ShardSize { .. } => "E0913",
            Error::Checksum { .. } => "E0914",
            Error::Parquet { .. } => "E0915",
            Error::Columns { .. } => "E0916",
            Error::Count { .. } => "E0917",
            Error::NoSuchRowGroup { .. } => "E0918",
        }
    }

    fn exit_status(&self) -> ExitStatus {
        self.store().map_or(ExitStatus::Data, ProgramError::exit_status)
    }
}

impl RowError {
    fn id(&self) -> &'static str {
        match self {
            RowError::EmptyUtterance { .. } => "E0919",
            RowError::FeatureLength { .. } => "E0920",
            RowError::NotFinite { .. } => "E0921",
            RowError::ColumnLength { .. } => "E0922",
            RowError::ColumnBound { .. } => "E0923",
            RowError::RowColumn { .. } => "E0924",
            RowError::UndeclaredColumn { .. } => "E0925",
            RowError::SpanOrder { .. } => "E0926",
            RowError::SenoneOutOfRange { .. } => "E0927",
            RowError::LogProbability { .. } => "E0928",
            RowError::DuplicateSenone { .. } => "E0929",
            RowError::RowGroupSize { .. } => "E0930",
        }
    }
}
