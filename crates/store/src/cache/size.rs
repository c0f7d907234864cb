/// Parses a size in bytes: `500MB`, `20 GiB`, `1000000`.
///
/// # Errors
/// A message that says what was expected and what was found.
pub fn parse_size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 10] = [
        ("", 1),
        ("B", 1),
        ("kB", 1000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ];
    let text = text.trim();
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = unit.trim();
    let factor = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, factor)| *factor);
    let size = digits.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    size.ok_or_else(|| format!("expected a size such as `500MB` or `20GiB`, found `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_any_unit_and_nonsense_is_named() {
        for (text, bytes) in
            [("1000000", 1_000_000), ("500MB", 500_000_000), ("20 GiB", 20 << 30), ("7kb", 7000)]
        {
            assert_eq!(parse_size(text), Ok(bytes));
        }
        for text in ["", "GB", "-1MB", "1.5GB", "5 bananas", "99999999999TB"] {
            let error = parse_size(text).unwrap_err();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }
}
