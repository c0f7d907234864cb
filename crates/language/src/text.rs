//! Sentences of a text.

use crate::lines::Lines;
use crate::{BEGIN, END, Error};
use std::io::BufRead;

/// Calls `each` with the words of every line that has any.
///
/// # Errors
/// As [`Lines::next`]; [`Error::ReservedWord`]; [`Error::EmptyText`] if no line has a word; what `each` returns.
pub(crate) fn for_each_sentence(
    text: impl BufRead,
    mut each: impl FnMut(&[&str]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut lines = Lines::new(text);
    let mut is_empty = true;
    let mut number = 0;
    while let Some(line) = lines.next()? {
        number += 1;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if let Some(word) = words.iter().find(|word| [BEGIN, END].contains(word)) {
            return Err(Error::ReservedWord { line: number, word: (*word).to_owned() });
        }
        if !words.is_empty() {
            is_empty = false;
            each(&words)?;
        }
    }
    if is_empty { Err(Error::EmptyText) } else { Ok(()) }
}
