//! Finds the spoken words of a text. Marks of noise are removed before alignment, because dictionaries contain words
//! such as `noise` and `laughs`. If a mark stands for untranscribed speech, the text cannot be aligned.

/// Marks of speech whose words are unknown.
const UNKNOWN: &[&str] = &["unk", "unknown", "oov", "unintelligible", "inaudible", "spoken_noise", "foreign"];

const BRACKETS: [(char, char); 4] = [('[', ']'), ('<', '>'), ('(', ')'), ('{', '}')];

/// A text without its marks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spoken {
    pub(crate) words: String,
    /// `[noise]`, `(laughs)`, `+BREATH+` and the like, as written.
    pub(crate) dropped: Vec<String>,
}

/// Separates words and marks. The error explains why the text cannot be aligned.
pub(crate) fn spoken(text: &str) -> Result<Spoken, String> {
    let (mut words, mut dropped) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(&(open, close)) = BRACKETS.iter().find(|(open, _)| *open == c) {
            let length =
                closed(rest, open, close).ok_or_else(|| format!("`{c}` is not closed in `{text}`"))?;
            let (mark, behind) = rest.split_at(length);
            if words.ends_with(char::is_alphanumeric) || behind.starts_with(char::is_alphanumeric) {
                return Err(format!("`{mark}` stands within a word"));
            }
            let name = mark.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
            if name.is_empty() || UNKNOWN.contains(&name.as_str()) {
                return Err(format!("`{mark}` stands for speech without words"));
            }
            dropped.push(mark.to_owned());
            words.push(' ');
            rest = behind;
        } else if BRACKETS.iter().any(|(_, close)| *close == c) {
            return Err(format!("`{c}` is not opened in `{text}`"));
        } else {
            words.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    let is_mark = |word: &&str| word.len() > 2 && word.starts_with('+') && word.ends_with('+');
    dropped.extend(words.split_whitespace().filter(is_mark).map(str::to_owned));
    let words: Vec<&str> = words.split_whitespace().filter(|word| !is_mark(word)).collect();
    if !words.iter().any(|word| word.contains(char::is_alphanumeric)) {
        return Err("the text has no words".to_owned());
    }
    Ok(Spoken { words: words.join(" "), dropped })
}

/// Returns the number of bytes up to the end of the bracket with which `text` begins.
fn closed(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0usize;
    for (i, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return Some(i + c.len_utf8());
            }
        }
    }
    None
}
