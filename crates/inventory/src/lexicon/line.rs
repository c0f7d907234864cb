//! One line of a lexicon as CMU or Kaldi writes it.

use super::LexiconError;

/// The longest line. The longest in the CMU dictionary has 130 bytes.
const MAX_LINE: usize = 4_096;

/// How a lexicon's lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LexiconFormat {
    /// The CMU dictionary's: `WORD PHONE…`, further pronunciations as `WORD(2) PHONE…`; comments are lines that start with
    /// `;;;` and whatever follows a blank and `#` after the word. All pronunciations are equally probable.
    Cmu,
    /// Kaldi's `lexicon.txt`: `WORD PHONE…`; a word may have several lines, all equally probable.
    Kaldi,
    /// Kaldi's `lexiconp.txt`: `WORD PROBABILITY PHONE…`.
    KaldiProbabilities,
}

impl LexiconFormat {
    fn expected(self) -> &'static str {
        match self {
            Self::Cmu | Self::Kaldi => "a word and its phones",
            Self::KaldiProbabilities => "a word, a probability and the word's phones",
        }
    }
}

/// What a line says.
#[derive(Debug, PartialEq)]
pub(super) struct Entry<'a> {
    pub(super) word: &'a str,
    pub(super) probability: f64,
    /// At least one.
    pub(super) phones: Vec<&'a str>,
}

/// Reads a line; `None` for an empty line or a comment.
pub(super) fn parse(
    line: usize,
    text: &str,
    format: LexiconFormat,
) -> Result<Option<Entry<'_>>, LexiconError> {
    if text.len() > MAX_LINE {
        return Err(LexiconError::LongLine { line, found: text.len(), limit: MAX_LINE });
    }
    if text.contains(|c: char| c.is_control() && c != '\t') {
        let found = text.chars().take(80).flat_map(char::escape_default).collect();
        return Err(LexiconError::Line { line, expected: format.expected(), found });
    }
    let cmu = format == LexiconFormat::Cmu;
    if cmu && text.starts_with(";;;") {
        return Ok(None);
    }
    // Only ASCII blanks separate, as in Kaldi's tools.
    let mut fields = text.split([' ', '\t']).filter(|field| !field.is_empty());
    let Some(word) = fields.next() else { return Ok(None) };
    let word = if cmu { without_number(word) } else { word };
    let mut probability = 1.0;
    if format == LexiconFormat::KaldiProbabilities {
        let Some(field) = fields.next() else {
            return Err(LexiconError::Line { line, expected: format.expected(), found: word.to_owned() });
        };
        let valid = field.parse().ok().filter(|probability: &f64| *probability > 0.0 && *probability <= 1.0);
        let found = || LexiconError::Probability { line, word: word.to_owned(), found: field.to_owned() };
        probability = valid.ok_or_else(found)?;
    }
    let phones: Vec<&str> = fields.take_while(|field| !(cmu && field.starts_with('#'))).collect();
    if phones.is_empty() {
        return Err(LexiconError::NoPhones { line, word: word.to_owned() });
    }
    Ok(Some(Entry { word, probability, phones }))
}

/// `READ` of `READ(2)`.
fn without_number(word: &str) -> &str {
    let number = |(plain, number): (&'_ str, &str)| {
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        (digits && !plain.is_empty()).then_some(plain.len())
    };
    let length = word.strip_suffix(')').and_then(|open| open.rsplit_once('(')).and_then(number);
    &word[..length.unwrap_or(word.len())]
}
