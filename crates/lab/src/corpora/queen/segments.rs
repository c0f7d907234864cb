//! Texts contain commands for the figures on the screen: `*` and two characters. The spoken line is cut at each
//! command, and every spoken segment has its own clip.

use std::collections::BTreeMap;

/// `*XY` moves a figure; eleven more characters belong to it.
const MOVE: &str = "XY";
const MOVE_LENGTH: usize = 11;
/// What follows these commands is not text.
const SILENT: [&str; 2] = ["GD", "GM"];

/// The texts of all clips, by the clip's name without extension.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// `None` if several different texts belong to the same clip: then none of them can be trusted.
    by_clip: BTreeMap<String, Option<String>>,
}

impl Texts {
    /// Adds the segments of a line. A clip's name is `line`, followed by the segment's number in hexadecimal.
    pub(super) fn add(&mut self, line: &str, text: &str) {
        for (number, segment) in segments(text) {
            if segment.trim().is_empty() {
                continue;
            }
            let clip = format!("{line}{number:X}").to_uppercase();
            let known = self.by_clip.entry(clip).or_insert_with(|| Some(segment.to_owned()));
            if known.as_deref() != Some(segment) {
                *known = None;
            }
        }
    }

    /// The text of a clip.
    pub(super) fn of(&self, clip: &str) -> Option<&str> {
        self.by_clip.get(clip)?.as_deref()
    }

    /// Whether several different texts belong to the clip.
    pub(super) fn is_ambiguous(&self, clip: &str) -> bool {
        self.by_clip.get(clip).is_some_and(Option::is_none)
    }
}

/// The spoken segments with their numbers, which count from 1 and include silent segments.
fn segments(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut number = 1;
    let mut is_spoken = true;
    loop {
        let Some((segment, command, after)) = next_command(rest) else {
            found.extend(is_spoken.then_some((number, rest)));
            return found;
        };
        found.extend(is_spoken.then_some((number, segment)));
        number += 1;
        is_spoken = !SILENT.contains(&command);
        let skipped = if command == MOVE { MOVE_LENGTH } else { 0 };
        rest = after.char_indices().nth(skipped).map_or("", |(at, _)| &after[at..]);
    }
}

/// The text before the next command, the command without its star, and the text after it.
fn next_command(text: &str) -> Option<(&str, &str, &str)> {
    for (star, _) in text.match_indices('*') {
        let command = text.get(star + 1..star + 3);
        if let Some(command) = command.filter(|command| command.chars().all(|c| c.is_ascii_alphanumeric())) {
            return Some((&text[..star], command, &text[star + 3..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_ends_a_segment_and_counts() {
        assert_eq!(segments("*01*01Ooop!*00Bye.*02"), [(1, ""), (2, ""), (3, "Ooop!"), (4, "Bye."), (5, "")]);
        assert_eq!(segments("No command at all"), [(1, "No command at all")]);
        assert_eq!(segments("5 * 3 and a last *1"), [(1, "5 * 3 and a last *1")]);
    }

    #[test]
    fn arguments_of_moves_and_of_music_are_not_text() {
        assert_eq!(segments("Go*XY123,456,789 on"), [(1, "Go"), (2, " on")]);
        assert_eq!(segments("Go*XY12"), [(1, "Go"), (2, "")]);
        assert_eq!(segments("A*GMtune*01B"), [(1, "A"), (3, "B")]);
    }

    #[test]
    fn a_clip_with_two_different_texts_has_none() {
        let mut texts = Texts::default();
        texts.add("07001EP", "Same.*01Other.");
        texts.add("07001ep", "Same.*01Another.");
        assert_eq!((texts.of("07001EP1"), texts.of("07001EP2")), (Some("Same."), None));
        assert!(texts.is_ambiguous("07001EP2") && !texts.is_ambiguous("07001EP1"));
    }

    #[test]
    fn the_tenth_segment_is_a() {
        let mut texts = Texts::default();
        texts.add("X", &"a*01".repeat(10));
        assert_eq!(texts.of("XA"), Some("a"));
    }
}
