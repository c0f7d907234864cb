use crate::Sums;
use std::fmt;

/// A number by which models are compared, computed from sums.
#[derive(Clone, Copy)]
pub struct Criterion {
    /// In kebab case, as in the experiment file: `frame-error`. Unique in the registry.
    pub name: &'static str,
    /// What it measures, in a sentence for display.
    pub meaning: &'static str,
    /// The unit of its values.
    pub unit: Unit,
    /// Which values are better.
    pub direction: Direction,
    /// Computes the value; `None` if a required sum is missing.
    pub of: fn(&Sums) -> Option<f64>,
}

/// Which values of a criterion are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// An error or a loss.
    LowerIsBetter,
    /// An accuracy or an area under a curve.
    HigherIsBetter,
}

/// The unit of a criterion's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// 0 to 100, shown with two decimals.
    Percent,
    /// Nats per frame, shown with four decimals.
    Nats,
}

impl Criterion {
    /// Whether `one` is a better value than `other`; equal values are not better.
    #[must_use]
    pub fn is_better(&self, one: f64, other: f64) -> bool {
        match self.direction {
            Direction::LowerIsBetter => one < other,
            Direction::HigherIsBetter => one > other,
        }
    }

    /// The key of its values in files: its name with `_` in place of `-`.
    #[must_use]
    pub fn key(&self) -> String {
        self.name.replace('-', "_")
    }

    /// Name, value and unit for display: `frame error 44.25 %`.
    #[must_use]
    pub fn show(&self, value: f64) -> String {
        let name = self.name.replace('-', " ");
        match self.unit {
            Unit::Percent => format!("{name} {value:.2} %"),
            Unit::Nats => format!("{name} {value:.4} nats"),
        }
    }
}

/// Serialised by name, which is unique.
impl PartialEq for Criterion {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Criterion {}

impl fmt::Debug for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Criterion({})", self.name)
    }
}
