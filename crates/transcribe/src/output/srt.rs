//! Words as subtitles.

use crate::event::Word;

/// What people can read at a glance: two lines of 42 characters, for at most 6 seconds (common guidelines for subtitles).
const LINE: usize = 42;
const LINES: usize = 2;
const LONGEST_MS: u64 = 6_000;
/// A pause of this length begins a new subtitle.
const PAUSE_MS: u64 = 1_000;

/// One subtitle.
#[derive(Debug, PartialEq)]
pub(super) struct Cue {
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
    /// One or two lines.
    pub(super) text: String,
}

/// Divides words into subtitles.
pub(super) fn cues(words: &[Word]) -> Vec<Cue> {
    let mut cues: Vec<Cue> = Vec::new();
    for word in words {
        let added = cues.last_mut().is_some_and(|cue| cue.add(word));
        if !added {
            cues.push(Cue { start_ms: word.start_ms, end_ms: word.end_ms, text: word.word.clone() });
        }
    }
    cues
}

impl Cue {
    /// Adds a word; returns false if the subtitle would become too long.
    fn add(&mut self, word: &Word) -> bool {
        let fits = word.end_ms - self.start_ms.min(word.end_ms) <= LONGEST_MS;
        if !fits || word.start_ms >= self.end_ms + PAUSE_MS {
            return false;
        }
        let lines = self.text.lines().count();
        let line = self.text.lines().last().map_or(0, |line| line.chars().count());
        if line + 1 + word.word.chars().count() <= LINE {
            self.text.push(' ');
        } else if lines < LINES {
            self.text.push('\n');
        } else {
            return false;
        }
        self.text += &word.word;
        self.end_ms = word.end_ms;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn word(text: &str, start_ms: u64, end_ms: u64) -> Word {
        Word { word: text.to_owned(), start_ms, end_ms, confidence: Some(0.5) }
    }

    #[test]
    fn a_pause_begins_a_new_subtitle_and_a_long_sentence_a_second_line() {
        let words = [word("one", 0, 300), word("two", 400, 700), word("three", 1_800, 2_000)];
        let found = cues(&words);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], Cue { start_ms: 0, end_ms: 700, text: "one two".to_owned() });
        let long: Vec<Word> = (0..12).map(|n| word("recognise", n * 400, n * 400 + 400)).collect();
        let found = cues(&long);
        assert_eq!(found[0].text.lines().map(str::len).collect::<Vec<_>>(), [39, 39]);
        assert_eq!(found[1].text, "recognise recognise recognise recognise");
    }

    proptest! {
        #[test]
        fn every_word_is_in_one_subtitle_and_none_is_longer_than_can_be_read(
            words in prop::collection::vec((1usize..60, 0u64..3_000, 1u64..2_000), 0..40),
        ) {
            let mut at = 0;
            let words: Vec<Word> = words.into_iter().map(|(length, pause, duration)| {
                let start = at + pause;
                at = start + duration;
                word(&"x".repeat(length), start, at)
            }).collect();
            let found = cues(&words);
            let again: Vec<&str> = found.iter().flat_map(|cue| cue.text.split_whitespace()).collect();
            prop_assert_eq!(again, words.iter().map(|word| word.word.as_str()).collect::<Vec<_>>());
            for cue in &found {
                let alone = !cue.text.contains(char::is_whitespace);
                prop_assert!(alone || cue.end_ms - cue.start_ms <= LONGEST_MS);
                prop_assert!(alone || cue.text.lines().all(|line| line.chars().count() <= LINE || !line.contains(' ')));
                prop_assert!(cue.text.lines().count() <= LINES);
            }
            prop_assert!(found.windows(2).all(|pair| pair[0].end_ms <= pair[1].start_ms));
        }
    }
}
