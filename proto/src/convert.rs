use crate::v1;
use stentor_exchange::{Deltas, Encoding};
use stentor_experiment::{Source, Strategy};
use stentor_plan::Lease;
use stentor_scores::Sums;
use thiserror::Error;

/// A message with a field that is missing or not valid.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ConvertError {
    /// A required field is missing.
    #[error("expected `{field}`, found nothing")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// An enum's number that has no meaning.
    #[error("expected a known `{field}`, found {found}")]
    Unknown {
        /// The field's name.
        field: &'static str,
        /// As received.
        found: i32,
    },
    /// Sums whose number or names are not those of a message.
    #[error("`{field}`: {error}")]
    Sums {
        /// The field's name.
        field: &'static str,
        /// What is wrong with them.
        error: stentor_scores::Error,
    },
    /// More elements or bytes than a message may contain.
    #[error("expected at most {most} {of} in `{field}`, found {found}")]
    TooMany {
        /// The field's name.
        field: &'static str,
        /// What is counted, in the plural.
        of: &'static str,
        /// The bound.
        most: usize,
        /// As received.
        found: usize,
    },
}

/// Maximum number of bad row groups in a contribution.
pub const MAX_BAD_ROW_GROUPS: usize = 4096;
/// Maximum length of the reason for each of them, in bytes.
pub const MAX_REASON_BYTES: usize = 1000;

impl From<Source> for v1::Source {
    fn from(source: Source) -> Self {
        match source {
            Source::Annotated => v1::Source::Annotated,
            Source::MachineLabeled => v1::Source::MachineLabeled,
        }
    }
}

/// Converts the number of a source.
///
/// # Errors
/// [`ConvertError::Unknown`] for any other number than the two.
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

/// Converts the number of a strategy.
///
/// # Errors
/// [`ConvertError::Unknown`] for anything but one of [`Strategy::ALL`].
pub fn strategy(number: i32) -> Result<Strategy, ConvertError> {
    let known = Strategy::ALL.into_iter().find(|&s| i32::from(v1::Strategy::from(s)) == number);
    known.ok_or(ConvertError::Unknown { field: "strategy", found: number })
}

impl From<Encoding> for v1::Encoding {
    fn from(encoding: Encoding) -> Self {
        use v1::encoding::{Block, Dense, Kind, Threshold};
        let kind = match encoding {
            Encoding::Dense { density } => Kind::Dense(Dense { density }),
            Encoding::Threshold { tau, density } => Kind::Threshold(Threshold { tau, density }),
            Encoding::Block { momentum, learning_rate, deltas, density } => {
                let (deltas, tau) = match deltas {
                    Deltas::Model => (v1::encoding::Deltas::Model, 0.0),
                    Deltas::Bf16 => (v1::encoding::Deltas::Bf16, 0.0),
                    Deltas::Threshold { tau } => (v1::encoding::Deltas::Threshold, tau),
                };
                Kind::Block(Block { momentum, learning_rate, deltas: deltas.into(), tau, density })
            }
        };
        Self { kind: Some(kind) }
    }
}

/// The encoding that a message must hold.
///
/// # Errors
/// [`ConvertError::Missing`] where there is none, [`ConvertError::Unknown`] for a block that goes up in no known way.
pub fn encoding(message: Option<v1::Encoding>) -> Result<Encoding, ConvertError> {
    use v1::encoding::{Block, Dense, Kind, Threshold};
    Ok(match required(message.and_then(|message| message.kind), "encoding")? {
        Kind::Dense(Dense { density }) => Encoding::Dense { density },
        Kind::Threshold(Threshold { tau, density }) => Encoding::Threshold { tau, density },
        Kind::Block(block) => {
            let Block { momentum, learning_rate, tau, density, .. } = block;
            let deltas = match block.deltas() {
                v1::encoding::Deltas::Model => Deltas::Model,
                v1::encoding::Deltas::Bf16 => Deltas::Bf16,
                v1::encoding::Deltas::Threshold => Deltas::Threshold { tau },
                v1::encoding::Deltas::Unspecified => {
                    return Err(ConvertError::Unknown { field: "deltas", found: block.deltas });
                }
            };
            Encoding::Block { momentum, learning_rate, deltas, density }
        }
    })
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

impl v1::BadRowGroup {
    /// A message with the reason, cut to the maximum length.
    #[must_use]
    pub fn new(source: Source, row_group: u64, set: v1::SetKind, reason: &str) -> Self {
        let reason = reason[..reason.floor_char_boundary(MAX_REASON_BYTES)].to_owned();
        Self { source: v1::Source::from(source).into(), row_group, set: set.into(), reason }
    }
}

/// Checks the bad row groups of a contribution against the limits of a message. Returns the source and set of each.
///
/// # Errors
/// [`ConvertError::TooMany`] row groups or bytes, [`ConvertError::Unknown`] source or set.
pub fn bad_row_groups(
    messages: Vec<v1::BadRowGroup>,
) -> Result<Vec<(Source, v1::SetKind, v1::BadRowGroup)>, ConvertError> {
    let at_most = |of, most, found| {
        let error = ConvertError::TooMany { field: "bad_row_groups", of, most, found };
        if found <= most { Ok(()) } else { Err(error) }
    };
    at_most("row groups", MAX_BAD_ROW_GROUPS, messages.len())?;
    let check = |message: v1::BadRowGroup| {
        at_most("bytes of text", MAX_REASON_BYTES, message.reason.len())?;
        let source = source(message.source)?;
        match message.set() {
            v1::SetKind::Unspecified => Err(ConvertError::Unknown { field: "set", found: message.set }),
            set => Ok((source, set, message)),
        }
    };
    messages.into_iter().map(check).collect()
}

/// Sums as messages.
#[must_use]
pub fn sum_messages(sums: &Sums) -> Vec<v1::Sum> {
    sums.iter().map(|(name, value)| v1::Sum { name: name.to_owned(), value }).collect()
}

/// Checks the sums of a message in number and names. Values that are not finite are accepted: the receiver decides what they
/// mean.
///
/// # Errors
/// [`ConvertError::Sums`].
pub fn sums(messages: Vec<v1::Sum>) -> Result<Sums, ConvertError> {
    let sums = messages.into_iter().map(|v1::Sum { name, value }| (name, value));
    Sums::received(sums).map_err(|error| ConvertError::Sums { field: "sums", error })
}

/// Unwraps a required field.
///
/// # Errors
/// [`ConvertError::Missing`] with the field's name.
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
    fn an_encoding_survives_the_wire() {
        let block = |deltas| Encoding::Block { momentum: 0.75, learning_rate: 1.0, deltas, density: 0.01 };
        for sent in [
            Encoding::Dense { density: 0.1 },
            Encoding::Threshold { tau: 0.5, density: 0.03 },
            block(Deltas::Model),
            block(Deltas::Bf16),
            block(Deltas::Threshold { tau: 0.25 }),
        ] {
            assert_eq!(encoding(Some(sent.into())).unwrap(), sent);
        }
        let unknown = v1::encoding::Kind::Block(v1::encoding::Block { deltas: 9, ..Default::default() });
        let refused = |kind| encoding(Some(v1::Encoding { kind })).unwrap_err().to_string();
        assert_eq!(refused(Some(unknown)), "expected a known `deltas`, found 9");
        assert_eq!(refused(None), "expected `encoding`, found nothing");
    }

    #[test]
    fn bad_row_groups_are_bounded_in_number_and_words() {
        let long = "é".repeat(MAX_REASON_BYTES);
        let good = v1::BadRowGroup::new(Source::MachineLabeled, 7, v1::SetKind::Labels, &long);
        assert_eq!(good.reason.len(), MAX_REASON_BYTES);
        let read = bad_row_groups(vec![good.clone()]).unwrap();
        assert_eq!((read[0].0, read[0].1), (Source::MachineLabeled, v1::SetKind::Labels));

        let wordy = v1::BadRowGroup { reason: long, ..good };
        let unknown = v1::BadRowGroup { set: 9, ..good.clone() };
        let nobodys = v1::BadRowGroup { source: 0, ..good.clone() };
        for (messages, expected) in [
            (vec![wordy], "at most 1000 bytes of text in `bad_row_groups`, found 2000"),
            (vec![unknown], "a known `set`, found 9"),
            (vec![nobodys], "a known `source`, found 0"),
            (vec![good; MAX_BAD_ROW_GROUPS + 1], "at most 4096 row groups"),
        ] {
            let error = bad_row_groups(messages).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn sums_survive_the_wire(values in prop::collection::btree_map("[a-z]{1,9}(-[a-z0-9]{1,9})?", any::<f64>(), 0..9)) {
            let mut sent = Sums::default();
            values.iter().for_each(|(name, value)| sent.add(name, *value));
            let received = sums(sum_messages(&sent)).unwrap();
            let bits = |sums: &Sums| -> Vec<_> {
                sums.iter().map(|(name, value)| (name.to_owned(), value.to_bits())).collect()
            };
            prop_assert_eq!(bits(&received), bits(&sent));
        }
    }

    #[test]
    fn sums_with_a_name_that_is_none_or_stands_twice_are_refused_with_the_field() {
        let sum = |name: &str| v1::Sum { name: name.into(), value: 1.0 };
        let refused = |messages| sums(messages).unwrap_err().to_string();
        assert_eq!(refused(vec![sum("a"), sum("a")]), "`sums`: expected each sum once, found `a` twice");
        assert!(refused(vec![sum("A")]).starts_with("`sums`: expected the name of a sum"));
        let many = vec![sum("a"); stentor_scores::MAX_SUMS + 1];
        assert_eq!(refused(many), "`sums`: expected at most 64 sums, found 65");
    }

    #[test]
    fn an_unknown_source_is_named() {
        let error = source(9).unwrap_err();
        assert_eq!(error.to_string(), "expected a known `source`, found 9");
        assert_eq!(source(0), Err(ConvertError::Unknown { field: "source", found: 0 }));
        assert_eq!(strategy(7).unwrap_err().to_string(), "expected a known `strategy`, found 7");
    }
}
