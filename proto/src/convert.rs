use crate::v1;
use stentor_experiment::{Source, Strategy};
use stentor_plan::Lease;
use thiserror::Error;

/// A message that this program cannot act on.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ConvertError {
    /// A field that must be there is not.
    #[error("expected `{field}`, found nothing")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// A number that no value stands for.
    #[error("expected a known `{field}`, found {found}")]
    Unknown {
        /// Its name.
        field: &'static str,
        /// As received.
        found: i32,
    },
}

impl From<Source> for v1::Source {
    fn from(source: Source) -> Self {
        match source {
            Source::Annotated => v1::Source::Annotated,
            Source::MachineLabeled => v1::Source::MachineLabeled,
        }
    }
}

/// The source behind a wire number.
///
/// # Errors
/// [`ConvertError::Unknown`] for anything but the two.
pub fn source(number: i32) -> Result<Source, ConvertError> {
    match v1::Source::try_from(number) {
        Ok(v1::Source::Annotated) => Ok(Source::Annotated),
        Ok(v1::Source::MachineLabeled) => Ok(Source::MachineLabeled),
        Ok(v1::Source::Unspecified) | Err(_) => Err(ConvertError::Unknown { field: "source", found: number }),
    }
}

impl From<Strategy> for v1::Strategy {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::Dense => v1::Strategy::Dense,
            Strategy::Gtc => v1::Strategy::Gtc,
            Strategy::Bmuf => v1::Strategy::Bmuf,
            Strategy::TwoTier => v1::Strategy::TwoTier,
        }
    }
}

/// The strategy behind a wire number.
///
/// # Errors
/// [`ConvertError::Unknown`] for anything but the four.
pub fn strategy(number: i32) -> Result<Strategy, ConvertError> {
    match v1::Strategy::try_from(number) {
        Ok(v1::Strategy::Dense) => Ok(Strategy::Dense),
        Ok(v1::Strategy::Gtc) => Ok(Strategy::Gtc),
        Ok(v1::Strategy::Bmuf) => Ok(Strategy::Bmuf),
        Ok(v1::Strategy::TwoTier) => Ok(Strategy::TwoTier),
        Ok(v1::Strategy::Unspecified) | Err(_) => {
            Err(ConvertError::Unknown { field: "strategy", found: number })
        }
    }
}

impl From<Lease> for v1::Lease {
    fn from(lease: Lease) -> Self {
        Self {
            source: v1::Source::from(lease.source).into(),
            pass: lease.pass,
            unit: lease.unit,
            first_batch: lease.first_batch,
            batches: lease.batches,
        }
    }
}

impl TryFrom<v1::Lease> for Lease {
    type Error = ConvertError;

    fn try_from(lease: v1::Lease) -> Result<Self, ConvertError> {
        Ok(Self {
            source: source(lease.source)?,
            pass: lease.pass,
            unit: lease.unit,
            first_batch: lease.first_batch,
            batches: lease.batches,
        })
    }
}

/// A field that must be there.
///
/// # Errors
/// [`ConvertError::Missing`] with its name.
pub fn required<T>(value: Option<T>, field: &'static str) -> Result<T, ConvertError> {
    value.ok_or(ConvertError::Missing { field })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_lease_survives_the_wire(
            annotated: bool, pass: u32, unit: u64, first_batch: u32, batches: u32,
        ) {
            let source = if annotated { Source::Annotated } else { Source::MachineLabeled };
            let lease = Lease { source, pass, unit, first_batch, batches };
            prop_assert_eq!(Lease::try_from(v1::Lease::from(lease)).unwrap(), lease);
        }
    }

    #[test]
    fn an_unknown_source_is_named() {
        let error = source(9).unwrap_err();
        assert_eq!(error.to_string(), "expected a known `source`, found 9");
        assert!(source(0).is_err());
        assert_eq!(strategy(7).unwrap_err().to_string(), "expected a known `strategy`, found 7");
    }
}
