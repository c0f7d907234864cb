use std::fmt;

/// Microseconds: times in files have few decimals and are compared exactly.
pub type Micros = u64;

/// Seconds as written; `None` unless finite, not negative and below a year.
pub(super) fn micros(text: &str) -> Option<Micros> {
    let seconds: f64 = text.parse().ok()?;
    (0.0..3.2e7).contains(&seconds).then(|| (seconds * 1e6).round() as Micros)
}

/// Seconds as they are written, with two decimals at least.
pub(super) struct Seconds(pub(super) Micros);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000);
        let kept = text.trim_end_matches('0').len().max(text.len() - 4);
        f.write_str(&text[..kept])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_to_the_microsecond_and_written_without_idle_zeros() {
        for (text, written) in [("0", "0.00"), ("1.5", "1.50"), ("12.3456789", "12.345679"), ("3e1", "30.00")]
        {
            assert_eq!(Seconds(micros(text).unwrap()).to_string(), written);
        }
        for text in ["-1", "NaN", "inf", "4e7", "", "1:30"] {
            assert_eq!(micros(text), None, "{text}");
        }
    }
}
