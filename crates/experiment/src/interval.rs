use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A duration as people write it: a whole number and a unit, `90s`, `15min`, `2h` or `1d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval(u64);

/// The units with their seconds, the longest first.
const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];

impl Interval {
    /// So many seconds.
    #[must_use]
    pub const fn of_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Its length in seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(digits);
        let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit.trim_start())?;
        number.parse::<u64>().ok()?.checked_mul(seconds).map(Self)
    }
}

/// In the longest unit of which it is a whole number.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing is a whole number of all units: people write it as `0s`.
        let fits = |seconds: u64| self.0 > 0 && self.0.is_multiple_of(seconds);
        let (unit, seconds) = UNITS.into_iter().find(|(_, seconds)| fits(*seconds)).unwrap_or(("s", 1));
        write!(f, "{}{unit}", self.0 / seconds)
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let expected = &"a whole number and a unit in quotes: `s`, `min`, `h` or `d`";
        Self::parse(&text).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), expected))
    }
}

impl JsonSchema for Interval {
    fn schema_name() -> Cow<'static, str> {
        "Interval".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read_and_written_as_the_longest_that_fits() {
        for (text, seconds, written) in [
            ("90s", 90, "90s"),
            ("120s", 120, "2min"),
            ("15min", 900, "15min"),
            ("15 min", 900, "15min"),
            ("2h", 7_200, "2h"),
            ("48h", 172_800, "2d"),
            ("0s", 0, "0s"),
            ("0d", 0, "0s"),
        ] {
            let read = Interval::parse(text).unwrap();
            assert_eq!((read.seconds(), read.to_string().as_str()), (seconds, written));
            assert_eq!(Interval::parse(written), Some(read));
        }
    }

    #[test]
    fn what_is_no_number_with_a_unit_is_refused() {
        for text in [
            "",
            "15",
            "min",
            "-1s",
            "1.5h",
            "1m",
            "15minutes",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert_eq!(Interval::parse(text), None, "{text}");
        }
    }
}
