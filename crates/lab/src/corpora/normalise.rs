//! Converts texts to the form of the aligner's dictionary: lower case, numbers in words, no punctuation.
//!
//! The rules, in their order:
//! 1. Text in brackets `(…)`, `[…]`, `<…>` is a stage direction, not speech, and is removed.
//! 2. `.` between digits becomes `point`, `,` between digits is removed; every other character that is neither a
//!    letter, a digit nor an apostrophe separates words. Adjacent letters and digits are separate words.
//! 3. Numbers are written in words: as cardinals; as ordinals if `st`, `nd`, `rd` or `th` follows; 1100 to 1999 as
//!    years are read (`nineteen forty eight`); as decades if `s` or `'s` follows (`nineteen forties`).
//! 4. Lower case. Apostrophes next to a letter are kept; the aligner drops those that its dictionary does not contain.

/// The words of a text, separated by blanks; `None` if none is left.
pub(super) fn words(text: &str) -> Option<String> {
    let mut words = Vec::new();
    for token in tokens(&without_stage_directions(text)) {
        match token {
            Token::Word(word) => words.push(word),
            Token::Number { digits, suffix } => words.push(number(&digits, suffix)),
        }
    }
    (!words.is_empty()).then(|| words.join(" "))
}

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Number { digits: String, suffix: Suffix },
}

/// The suffix of a number without a blank before it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Suffix {
    None,
    Ordinal,
    Plural,
}

fn without_stage_directions(text: &str) -> String {
    let mut kept = text.to_owned();
    for (open, close) in [('(', ')'), ('[', ']'), ('<', '>')] {
        while let Some(start) = kept.find(open) {
            let Some(length) = kept[start..].find(close) else { break };
            kept.replace_range(start..start + length + close.len_utf8(), " ");
        }
    }
    kept
}

fn tokens(text: &str) -> Vec<Token> {
    let lower = text.to_lowercase().replace('\u{2019}', "'");
    let characters: Vec<char> = lower.chars().collect();
    let at = |i: usize| characters.get(i).copied().unwrap_or(' ');
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < characters.len() {
        if at(i).is_ascii_digit() {
            let mut digits = String::new();
            while at(i).is_ascii_digit() || (at(i) == ',' && at(i + 1).is_ascii_digit()) {
                digits.extend(Some(at(i)).filter(char::is_ascii_digit));
                i += 1;
            }
            let (suffix, length) = suffix(&characters[i..]);
            i += length;
            tokens.push(Token::Number { digits, suffix });
            if at(i) == '.' && at(i + 1).is_ascii_digit() {
                tokens.push(Token::Word("point".to_owned()));
            }
        } else if at(i).is_alphabetic() || at(i) == '\'' {
            let start = i;
            while at(i).is_alphabetic() || at(i) == '\'' {
                i += 1;
            }
            let word: String = characters[start..i].iter().collect();
            if word.contains(char::is_alphabetic) {
                tokens.push(Token::Word(word));
            }
        } else {
            i += 1;
        }
    }
    tokens
}

/// The suffix at the start of `rest`, and its length in characters.
fn suffix(rest: &[char]) -> (Suffix, usize) {
    let letters: String = rest.iter().take_while(|c| c.is_alphabetic() || **c == '\'').collect();
    match letters.as_str() {
        "st" | "nd" | "rd" | "th" => (Suffix::Ordinal, 2),
        "s" => (Suffix::Plural, 1),
        "'s" => (Suffix::Plural, 2),
        _ => (Suffix::None, 0),
    }
}

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const IRREGULAR_ORDINALS: [(&str, &str); 7] = [
    ("one", "first"),
    ("two", "second"),
    ("three", "third"),
    ("five", "fifth"),
    ("eight", "eighth"),
    ("nine", "ninth"),
    ("twelve", "twelfth"),
];

fn number(digits: &str, suffix: Suffix) -> String {
    let value = digits.parse::<u32>().ok().filter(|value| *value < 1_000_000);
    let mut words = match value {
        // Telephone numbers, and numbers with leading zeros, are read digit by digit.
        None => spelt(digits),
        Some(_) if digits.len() > 1 && digits.starts_with('0') => spelt(digits),
        Some(year @ 1100..=1999) => match (year / 100, year % 100) {
            (century, 0) => format!("{} hundred", below_thousand(century)),
            (century, rest @ 1..10) => format!("{} oh {}", below_thousand(century), below_thousand(rest)),
            (century, rest) => format!("{} {}", below_thousand(century), below_thousand(rest)),
        },
        Some(value) => cardinal(value),
    };
    let split = words.rfind(' ').map_or(0, |at| at + 1);
    let last = words.split_off(split);
    words
        + &match suffix {
            Suffix::None => last,
            Suffix::Ordinal => ordinal(&last),
            Suffix::Plural => plural(&last),
        }
}

fn spelt(digits: &str) -> String {
    let words = digits.chars().filter_map(|c| ONES.get(c.to_digit(10)? as usize).copied());
    words.collect::<Vec<_>>().join(" ")
}

fn cardinal(value: u32) -> String {
    match (value / 1000, value % 1000) {
        (0, rest) => below_thousand(rest),
        (thousands, 0) => format!("{} thousand", below_thousand(thousands)),
        (thousands, rest) => format!("{} thousand {}", below_thousand(thousands), below_thousand(rest)),
    }
}

fn below_thousand(value: u32) -> String {
    let word = |table: &[&str], index: u32| table.get(index as usize).copied().unwrap_or_default().to_owned();
    match value {
        0..20 => word(&ONES, value),
        20..100 if value.is_multiple_of(10) => word(&TENS, value / 10),
        20..100 => format!("{} {}", word(&TENS, value / 10), word(&ONES, value % 10)),
        _ if value.is_multiple_of(100) => format!("{} hundred", below_thousand(value / 100)),
        _ => format!("{} hundred {}", below_thousand(value / 100), below_thousand(value % 100)),
    }
}

fn ordinal(word: &str) -> String {
    if let Some((_, irregular)) = IRREGULAR_ORDINALS.iter().find(|(cardinal, _)| *cardinal == word) {
        return (*irregular).to_owned();
    }
    match word.strip_suffix('y') {
        Some(stem) => format!("{stem}ieth"),
        None => format!("{word}th"),
    }
}

fn plural(word: &str) -> String {
    match word.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if word.ends_with('x') => format!("{word}es"),
        None => format!("{word}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        words(text).unwrap_or_default()
    }

    #[test]
    fn punctuation_and_case_are_removed_but_apostrophes_in_words_are_kept() {
        assert_eq!(
            said("That's not true! You've REALLY done it..."),
            "that's not true you've really done it"
        );
        assert_eq!(said("\"Guns 'n' 'taters\" - what?"), "guns 'n' 'taters what");
        assert_eq!(said("It\u{2019}s a well-known ' quote"), "it's a well known quote");
    }

    #[test]
    fn stage_directions_are_not_speech() {
        assert_eq!(words("(sigh)  "), None);
        assert_eq!(words("<hack> [beep]"), None);
        assert_eq!(said("at [@] last (note: softly)"), "at last");
        assert_eq!(said("an open ( bracket"), "an open bracket");
    }

    #[test]
    fn numbers_are_spelt_as_they_are_read_aloud() {
        for (text, read) in [
            ("0", "zero"),
            ("24 Hours", "twenty four hours"),
            ("500", "five hundred"),
            ("742", "seven hundred forty two"),
            ("8,500.", "eight thousand five hundred"),
            ("1844", "eighteen forty four"),
            ("1905", "nineteen oh five"),
            ("1900", "nineteen hundred"),
            ("2000", "two thousand"),
            ("28.8", "twenty eight point eight"),
            ("2B or not 2B", "two b or not two b"),
            ("007", "zero zero seven"),
            ("5551234", "five five five one two three four"),
        ] {
            assert_eq!(said(text), read, "{text}");
        }
    }

    #[test]
    fn ordinals_and_decades_follow_their_suffix() {
        for (text, read) in [
            ("13th July", "thirteenth july"),
            ("the 1st, 2nd, 3rd, 5th", "the first second third fifth"),
            ("20th 22nd", "twentieth twenty second"),
            ("the 1940's", "the nineteen forties"),
            ("the 60s", "the sixties"),
        ] {
            assert_eq!(said(text), read, "{text}");
        }
    }
}
