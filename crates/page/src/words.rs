//! Text of other programs, for display.

/// Maximum number of characters shown of another program's text.
const LONGEST: usize = 200;

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
}
