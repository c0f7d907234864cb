use crate::Model;
use std::io::{self, Write};

/// Writes a model. [`read`](super::read) returns an equal one: numbers are written with as many digits as tell them apart.
///
/// # Errors
/// The system's.
pub fn write(model: &Model, mut to: impl Write) -> io::Result<()> {
    writeln!(to, "\\data\\")?;
    for order in 1..=model.order() {
        writeln!(to, "ngram {order}={}", model.len_of(order))?;
    }
    for order in 1..=model.order() {
        writeln!(to, "\n\\{order}-grams:")?;
        for ngram in model.ngrams(order) {
            write!(to, "{}", ngram.log_prob)?;
            let words = ngram.words.iter().map(|&word| model.vocabulary().word(word));
            for (separator, word) in std::iter::once('\t').chain(std::iter::repeat(' ')).zip(words) {
                write!(to, "{separator}{word}")?;
            }
            if ngram.backoff != 0.0 {
                write!(to, "\t{}", ngram.backoff)?;
            }
            writeln!(to)?;
        }
    }
    writeln!(to, "\n\\end\\")
}
