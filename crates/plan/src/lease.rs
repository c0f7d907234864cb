use serde::{Deserialize, Serialize};
use std::fmt;
use stentor_experiment::Source;

/// The right to compute consecutive batches of a unit in one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lease {
    /// The source of the batches.
    pub source: Source,
    /// The pass over the source, from 0.
    pub pass: u32,
    /// The unit's number, by its position in the shards (not in the order of the pass).
    pub unit: u64,
    /// First batch, from 0 within the unit.
    pub first_batch: u32,
    /// Number of batches, at least 1.
    pub batches: u32,
}

impl Lease {
    /// One past the last batch.
    #[must_use]
    pub fn end_batch(&self) -> u64 {
        u64::from(self.first_batch) + u64::from(self.batches)
    }

    /// Splits off the first batch; the rest is `None` if there was only one.
    pub(crate) fn split_first(self) -> (Lease, Option<Lease>) {
        let first = Lease { batches: 1, ..self };
        let rest = Lease { first_batch: self.first_batch + 1, batches: self.batches - 1, ..self };
        (first, (rest.batches > 0).then_some(rest))
    }

    /// Splits into the first `batches - back` and the last `back` batches.
    pub(crate) fn split_back(self, back: u32) -> (Lease, Lease) {
        let kept = self.batches - back;
        (
            Lease { batches: kept, ..self },
            Lease { first_batch: self.first_batch + kept, batches: back, ..self },
        )
    }

    /// Both leases as one, if `other` follows `self` or precedes it in the same unit and pass.
    pub(crate) fn joined(self, other: Lease) -> Option<Lease> {
        let same = self.source == other.source && self.pass == other.pass && self.unit == other.unit;
        if !same {
            None
        } else if self.end_batch() == u64::from(other.first_batch) {
            Some(Lease { batches: self.batches + other.batches, ..self })
        } else if other.end_batch() == u64::from(self.first_batch) {
            Some(Lease { batches: self.batches + other.batches, ..other })
        } else {
            None
        }
    }
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lease { source, pass, unit, first_batch, .. } = self;
        let end = self.end_batch();
        write!(f, "{} pass {pass} unit {unit} batches {first_batch}..{end}", source.name())
    }
}
