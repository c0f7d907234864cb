use std::str::FromStr;
use thiserror::Error;

/// Bandwidth of a link in each direction, bits per second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Bandwidth(f64);

/// Round-trip time of a small message, seconds.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct RoundTrip(f64);

/// Why the text of a quantity is not valid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnitError {
    /// The unit does not follow a number above zero.
    #[error("`{text}`: expected a number above 0 with a unit, as in `{example}`")]
    Number {
        /// The text as given.
        text: String,
        /// A valid example.
        example: &'static str,
    },
    /// The unit is missing or unknown.
    #[error("`{text}`: expected one of the units {known}, found {}", if found.is_empty() { "none".to_owned() } else { format!("`{found}`") })]
    Unit {
        /// The text as given.
        text: String,
        /// The text found in place of the unit.
        found: String,
        /// The known units.
        known: &'static str,
    },
}

/// Share of the bytes on the link that are payload: 1448 of 1514 in a frame, and nine bytes of HTTP/2 in 16 KiB.
const GOODPUT: f64 = 0.955;

impl Bandwidth {
    /// A link of unlimited bandwidth.
    pub const UNLIMITED: Bandwidth = Bandwidth(f64::INFINITY);

    /// A link of `bits` per second.
    #[must_use]
    pub fn bits_per_s(bits: f64) -> Self {
        Self(bits)
    }

    /// Seconds that `bytes` of payload take.
    #[must_use]
    pub fn seconds(self, bytes: f64) -> f64 {
        bytes * 8.0 / (self.0 * GOODPUT)
    }
}

impl RoundTrip {
    /// A round trip of `seconds`.
    #[must_use]
    pub fn of_seconds(seconds: f64) -> Self {
        Self(seconds)
    }

    /// The round-trip time in seconds.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0
    }
}

impl FromStr for Bandwidth {
    type Err = UnitError;

    /// Parses `100mbit`, `1gbit` or `2.5 Gbit`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        const UNITS: [(&str, f64); 4] = [("kbit", 1e3), ("mbit", 1e6), ("gbit", 1e9), ("tbit", 1e12)];
        parse(text, &UNITS, "`kbit`, `mbit`, `gbit`, `tbit` (per second)", "1gbit").map(Self)
    }
}

impl FromStr for RoundTrip {
    type Err = UnitError;

    /// Parses `2ms`, `150us` or `0.1s`, and also `0ms`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        const UNITS: [(&str, f64); 4] = [("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];
        if ["0", "0s", "0ms", "0us"].contains(&text) {
            return Ok(Self(0.0));
        }
        parse(text, &UNITS, "`us`, `ms`, `s`", "2ms").map(Self)
    }
}

fn parse(
    text: &str,
    units: &[(&str, f64)],
    known: &'static str,
    example: &'static str,
) -> Result<f64, UnitError> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number
        .trim()
        .parse()
        .ok()
        .filter(|n: &f64| n.is_finite() && *n > 0.0)
        .ok_or_else(|| UnitError::Number { text: text.to_owned(), example })?;
    let unit = unit.trim().to_ascii_lowercase();
    match units.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => Ok(number * factor),
        None => Err(UnitError::Unit { text: text.to_owned(), found: unit, known }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_parsed_with_their_units() {
        for (text, bits) in [("100mbit", 1e8), ("1gbit", 1e9), ("25gbit", 2.5e10), ("2.5 Gbit", 2.5e9)] {
            assert_eq!(text.parse::<Bandwidth>().unwrap(), Bandwidth::bits_per_s(bits), "{text}");
        }
        for (text, seconds) in [("2ms", 2e-3), ("150us", 150e-6), ("0.1s", 0.1), ("0ms", 0.0)] {
            let found = text.parse::<RoundTrip>().unwrap().seconds();
            assert!((found - seconds).abs() < 1e-12, "{text}: {found}");
        }
    }

    #[test]
    fn errors_name_the_text_and_what_is_expected() {
        let error = |text: &str| text.parse::<Bandwidth>().unwrap_err().to_string();
        assert_eq!(error("fast"), "`fast`: expected a number above 0 with a unit, as in `1gbit`");
        assert_eq!(
            error("100"),
            "`100`: expected one of the units `kbit`, `mbit`, `gbit`, `tbit` (per second), found none"
        );
        assert!(error("100MB").ends_with("found `mb`"), "bytes are not bits: {}", error("100MB"));
        assert!(error("-1gbit").contains("above 0") && error("0gbit").contains("above 0"));
        let error = "3min".parse::<RoundTrip>().unwrap_err().to_string();
        assert_eq!(error, "`3min`: expected one of the units `us`, `ms`, `s`, found `min`");
    }
}
