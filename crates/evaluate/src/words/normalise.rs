//! The one form in which texts are compared.
//!
//! # Rules of version 1
//!
//! They apply to reference and hypothesis alike, in this order:
//!
//! 1. **Brackets.** What stands in `[…]`, `<…>`, `(…)` or `{…}` is a note and not a word: `[noise]`, `<unk>`. It is
//!    dropped and counted. Brackets do not nest; one that is not closed is punctuation.
//!    So a dropped `<unk>` of a recogniser counts as a deletion of the word that was said, not as a substitution.
//! 2. **Case.** Letters become lower case, by Unicode's simple mapping of each letter.
//! 3. **Apostrophes.** `'` and its typographic forms (U+2018, U+2019, U+02BC) become `'`. Between two characters of a word it
//!    is kept (`it's`), elsewhere it is dropped: `'tis` is `tis`, `dogs'` is `dogs`, and quotation marks disappear.
//! 4. **Hyphens** and dashes separate words: `well-known` is two words, of a fragment `wor-` the part `wor` is left.
//! 5. **Numbers** are kept as written, with `.`, `,` and `:` between two digits: `3.5`, `1,000`, `10:30`. They are not
//!    written out, because `1905` can be said in several ways. `% & + = # $` and the signs of other currencies are kept too.
//!    Words with a digit or such a sign are counted: a recogniser that writes words gets them wrong, so the texts must be
//!    written out before they are scored.
//! 6. **Punctuation.** All other punctuation, blanks and control characters separate words. Characters that cannot be seen,
//!    such as soft hyphens, joiners and marks of direction, are dropped.
//!
//! Nothing else is changed: hesitations (`uh`) and contractions (`gonna`) are words like others, and composed and decomposed
//! characters differ.
//!
//! Any change of a rule changes published figures, so it raises [`NORMALISER`], which stands beside every figure.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::AddAssign;

/// Version of the rules. Word error rates can be compared where it is the same.
pub const NORMALISER: u32 = 1;

/// A text as it is compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Normalised {
    /// Its words.
    pub words: Vec<String>,
    /// What was dropped, and what a recogniser of words cannot get right.
    pub tally: Tally,
}

/// What normalisation found in texts besides words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Notes in brackets, which were dropped, with how often each occurred.
    pub dropped: BTreeMap<String, u64>,
    /// Words with a digit or a sign such as `%`, which are compared as written.
    pub unspelt: u64,
}

impl AddAssign<&Tally> for Tally {
    fn add_assign(&mut self, other: &Tally) {
        for (note, count) in &other.dropped {
            *self.dropped.entry(note.clone()).or_default() += count;
        }
        self.unspelt += other.unspelt;
    }
}

/// Applies the rules of version [`NORMALISER`].
#[must_use]
pub fn normalise(text: &str) -> Normalised {
    let mut found = Normalised::default();
    let text = without_notes(text, &mut found.tally);
    let characters: Vec<char> = text.chars().filter(|c| !is_invisible(*c)).map(plain).collect();
    let at = |place: Option<usize>| place.and_then(|place| characters.get(place)).copied().unwrap_or(' ');
    let mut word = String::new();
    for (place, &character) in characters.iter().enumerate() {
        let (before, after) = (at(place.checked_sub(1)), at(place.checked_add(1)));
        match character {
            '\'' if is_of_words(before) && is_of_words(after) => word.push('\''),
            // At an end of a word it is dropped; it does not separate what is no word anyway.
            '\'' => {}
            '.' | ',' | ':' if before.is_numeric() && after.is_numeric() => word.push(character),
            _ if is_of_words(character) => word.extend(character.to_lowercase()),
            _ => found.end(&mut word),
        }
    }
    found.end(&mut word);
    found
}

impl Normalised {
    fn end(&mut self, word: &mut String) {
        if !word.is_empty() {
            self.tally.unspelt += u64::from(word.contains(|c: char| c.is_numeric() || is_spoken_sign(c)));
            self.words.push(std::mem::take(word));
        }
    }
}

/// Rule 1: notes become blanks.
fn without_notes(text: &str, tally: &mut Tally) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    // Where a bracket of a kind is not closed, none of that kind is closed after it.
    let mut unclosed = [false; 4];
    while let Some(start) = rest.find(|c| BRACKETS.iter().any(|(open, _)| *open == c)) {
        let (before, noted) = rest.split_at(start);
        kept.push_str(before);
        kept.push(' ');
        let kind = BRACKETS.iter().position(|(open, _)| noted.starts_with(*open)).unwrap_or(0);
        let end = if unclosed[kind] { None } else { noted.find(BRACKETS[kind].1) };
        unclosed[kind] = end.is_none();
        rest = match end {
            Some(end) => {
                let (note, rest) = noted.split_at(end + 1);
                *tally.dropped.entry(note.to_lowercase()).or_default() += 1;
                rest
            }
            None => &noted[1..],
        };
    }
    kept.push_str(rest);
    kept
}

const BRACKETS: [(char, char); 4] = [('[', ']'), ('<', '>'), ('(', ')'), ('{', '}')];

/// One form of what is written in several.
fn plain(character: char) -> char {
    match character {
        '\u{2018}' | '\u{2019}' | '\u{2bc}' => '\'',
        other => other,
    }
}

/// Soft hyphen, joiners, marks of direction, byte-order mark.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Signs that are read aloud.
fn is_spoken_sign(character: char) -> bool {
    matches!(character, '%' | '&' | '+' | '=' | '#' | '$' | '¢'..='¥' | '\u{20a0}'..='\u{20cf}')
}

/// Whether a character belongs to a word, apostrophes aside. Letters, digits and marks of all scripts do; what separates is
/// listed, so that a combining mark does not cut a word in two.
fn is_of_words(character: char) -> bool {
    match character {
        c if is_spoken_sign(c) => true,
        c if c.is_ascii() => c.is_ascii_alphanumeric(),
        c if c.is_alphanumeric() => true,
        c if c.is_whitespace() || c.is_control() => false,
        // Latin-1's punctuation, the general and supplemental blocks, those of Chinese and Japanese, small and wide forms.
        '\u{a1}'..='\u{bf}' | '×' | '÷' | '\u{200b}' | '\u{2010}'..='\u{206f}' | '\u{2e00}'..='\u{2e7f}' => {
            false
        }
        '\u{3000}'..='\u{303f}' | '\u{30fb}' | '\u{fe10}'..='\u{fe19}' | '\u{fe30}'..='\u{fe6f}' => false,
        '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' => false,
        '\u{ff3b}'..='\u{ff40}' | '\u{ff5b}'..='\u{ff65}' => false,
        // Of single scripts: Armenian, Hebrew, Arabic, Devanagari, Ethiopic, Khmer.
        '\u{55a}'..='\u{55f}'
        | '\u{589}'
        | '\u{58a}'
        | '\u{5be}'
        | '\u{5c0}'
        | '\u{5c3}'
        | '\u{5f3}'
        | '\u{5f4}' => false,
        '\u{609}'..='\u{60d}' | '\u{61b}' | '\u{61e}' | '\u{61f}' | '\u{66a}'..='\u{66d}' | '\u{6d4}' => {
            false
        }
        '\u{964}' | '\u{965}' | '\u{1361}'..='\u{1368}' | '\u{17d4}'..='\u{17da}' => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(text: &str) -> String {
        normalise(text).words.join(" ")
    }

    #[test]
    fn case_and_punctuation_go_and_words_stay() {
        assert_eq!(said("That's NOT true! \"Really?\" … No;"), "that's not true really no");
        assert_eq!(said("¿Qué? «Ça» – naïve Straße ÄRGER"), "qué ça naïve straße ärger");
        assert_eq!(said("一、二。"), "一 二");
        assert_eq!(said(" \t\u{feff} . , ; \u{200b}"), "");
        assert_eq!(said("co\u{ad}operate me\u{200b}too"), "cooperate me too");
    }

    #[test]
    fn an_apostrophe_stays_within_a_word_only() {
        assert_eq!(said("it's it\u{2019}s o'clock"), "it's it's o'clock");
        assert_eq!(
            said("'tis the dogs' 'quoted words' rock 'n' roll"),
            "tis the dogs quoted words rock n roll"
        );
        assert_eq!(said("a ' b '' c"), "a b c");
    }

    #[test]
    fn hyphens_and_dashes_separate_words() {
        assert_eq!(said("a well-known wor- —and then–"), "a well known wor and then");
    }

    #[test]
    fn what_stands_in_brackets_is_dropped_and_counted() {
        let found = normalise("so [noise] I <unk> said (he laughs) [NOISE]so");
        assert_eq!(found.words, ["so", "i", "said", "so"]);
        let expected = [("(he laughs)", 1), ("<unk>", 1), ("[noise]", 2)];
        let expected = expected.map(|(note, count)| (note.to_owned(), count));
        assert_eq!(found.tally.dropped, BTreeMap::from(expected));
        assert_eq!(said("an open ( bracket [cut] ( again"), "an open bracket again");
        assert_eq!(said("a) b"), "a b");
    }

    #[test]
    fn numbers_are_kept_as_written_and_counted() {
        let found = normalise("At 10:30, 1,000 or 3.5% of R&D paid €5 each. 7, 8.");
        assert_eq!(found.words.join(" "), "at 10:30 1,000 or 3.5% of r&d paid €5 each 7 8");
        assert_eq!(found.tally.unspelt, 7);
        assert_eq!(said("1990-95"), "1990 95");
    }

    #[test]
    fn a_combining_mark_does_not_cut_a_word() {
        assert_eq!(normalise("cafe\u{301} हिन्दी").words.len(), 2);
    }

    proptest! {
        #[test]
        fn a_normalised_text_stays_as_it_is(text in "[a-zA-Z0-9 '\\[\\]()<>.,:%\\-\u{2019}é]{0,40}") {
            let once = said(&text);
            prop_assert_eq!(said(&once), once);
        }

        #[test]
        fn any_text_becomes_words_without_blanks_and_brackets(text in any::<String>()) {
            for word in normalise(&text).words {
                let separator = |c: char| c.is_whitespace() || c.is_control() || "()[]{}<>@*;\"/".contains(c);
                prop_assert!(!word.is_empty() && !word.contains(separator), "{word:?}");
            }
        }
    }
}
