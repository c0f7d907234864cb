//! Formatting of numbers for readers, and of text that must not become markup.

use indicatif::FormattedDuration;
use std::fmt;
use std::time::Duration;

/// Keeps a number and its unit on one line.
const NBSP: char = '\u{a0}';

/// Text inside an element or a quoted attribute: markup characters are escaped, control characters removed.
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => fmt::Write::write_char(f, character)?,
                c if c.is_control() => {}
                c => fmt::Write::write_char(f, c)?,
            }
        }
        Ok(())
    }
}

/// Formats a number with `places` decimals, grouped thousands and a true minus sign; `–` if it is not finite.
#[must_use]
pub fn decimal(value: f64, places: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{:.places$}", value.abs());
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let grouped: Vec<&str> =
        whole.as_bytes().rchunks(3).rev().filter_map(|g| std::str::from_utf8(g).ok()).collect();
    let zero = text.chars().all(|c| matches!(c, '0' | '.'));
    format!("{}{}{fraction}", if value < 0.0 && !zero { "−" } else { "" }, grouped.join(","))
}

/// Formats a number with at least three significant digits, for figures that span orders of magnitude.
pub(crate) fn three_digits(value: f64) -> String {
    let places = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        _ => 3,
    };
    decimal(value, places)
}

/// Formats a count: exact below a million, then in millions or billions.
#[must_use]
pub fn count(value: u64) -> String {
    match value {
        0..1_000_000 => decimal(value as f64, 0),
        1_000_000..1_000_000_000 => format!("{}{NBSP}M", three_digits(value as f64 / 1e6)),
        _ => format!("{}{NBSP}G", three_digits(value as f64 / 1e9)),
    }
}

/// A measured time; one that is not a number of seconds is shown as zero.
pub(crate) fn duration(seconds: f64) -> FormattedDuration {
    FormattedDuration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_names_stays_text() {
        let text = Text("<script>alert(\"a\" & 'b')</script>\u{0}\u{1b}[31m").to_string();
        assert_eq!(text, "&lt;script&gt;alert(&quot;a&quot; &amp; &#39;b&#39;)&lt;/script&gt;[31m");
    }

    #[test]
    fn numbers_are_grouped_rounded_and_signed() {
        let found = [decimal(1234567.891, 1), decimal(-2.468, 2), decimal(-0.04, 1), decimal(f64::NAN, 1)];
        assert_eq!(found, ["1,234,567.9", "−2.47", "0.0", "–"]);
        assert_eq!(
            [three_digits(0.0123), three_digits(9.999), three_digits(1234.5)],
            ["0.012", "10.0", "1,234"]
        );
    }

    #[test]
    fn large_figures_get_units() {
        assert_eq!([count(55_012), count(3_412_345)], ["55,012", "3.41\u{a0}M"]);
    }
}
