//! Quantities in words.

/// Maximum number of characters shown of another program's text.
const LONGEST: usize = 200;

/// `312 bytes`, `4.2 kB`, `97 MB`.
pub(crate) fn bytes(bytes: f64) -> String {
    let (value, unit) = match bytes {
        b if b >= 1e9 => (b / 1e9, "GB"),
        b if b >= 1e6 => (b / 1e6, "MB"),
        b if b >= 1e3 => (b / 1e3, "kB"),
        b => return format!("{b:.0} bytes"),
    };
    if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// Shortens another program's text for display.
pub(crate) fn beginning(words: &str) -> &str {
    let end = words.char_indices().nth(LONGEST).map_or(words.len(), |(at, _)| at);
    &words[..end]
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_of_other_programs_is_cut_between_characters() {
        assert_eq!(super::beginning("computing"), "computing");
        assert_eq!(super::beginning(&"ü".repeat(1000)).chars().count(), super::LONGEST);
    }

    #[test]
    fn sizes_have_two_digits_and_a_unit() {
        let said = [312.0, 4_210.0, 97_400_000.0, 1.5e9].map(super::bytes);
        assert_eq!(said, ["312 bytes", "4.2 kB", "97 MB", "1.5 GB"]);
    }
}
