use crate::words::{Edit, Utterance};
use std::fmt::Write;

/// An utterance's alignment for people: reference and hypothesis in two lines, word above word, and the errors below them, as
/// `sclite -o pralign` prints them. `*` stands for a word that is missing. A newline ends each line.
#[must_use]
pub fn printout(utterance: &Utterance) -> String {
    let errors = utterance.errors();
    let right = errors.reference - errors.substitutions - errors.deletions;
    let mut lines = ["REF: ".to_owned(), "HYP: ".to_owned(), "Eval:".to_owned()];
    let (mut reference, mut hypothesis) = (utterance.reference.iter(), utterance.hypothesis.iter());
    for edit in &utterance.edits {
        let (expected, found, letter) = match edit {
            Edit::Correct => (reference.next(), hypothesis.next(), ""),
            Edit::Substitution => (reference.next(), hypothesis.next(), "S"),
            Edit::Deletion => (reference.next(), None, "D"),
            Edit::Insertion => (None, hypothesis.next(), "I"),
        };
        let (expected, found) = (expected.map(String::as_str), found.map(String::as_str));
        let width = width(expected.unwrap_or_default()).max(width(found.unwrap_or_default()));
        let gap = "*".repeat(width);
        for (line, word) in lines.iter_mut().zip([expected.unwrap_or(&gap), found.unwrap_or(&gap), letter]) {
            // Writing to a String cannot fail.
            let _ = write!(line, " {word:width$}");
        }
    }
    let mut text = format!(
        "id: ({})\nScores: (#C #S #D #I) {right} {} {} {}\n",
        utterance.id, errors.substitutions, errors.deletions, errors.insertions
    );
    for line in lines {
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// In characters, as `format!` pads.
fn width(word: &str) -> usize {
    word.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::align;

    #[test]
    fn words_stand_above_words_with_their_errors_below() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let (reference, hypothesis) = (words("hold the naïve line"), words("please hold a naïve"));
        let edits = align(&reference, &hypothesis).unwrap();
        let utterance =
            Utterance { id: "s-1".into(), speaker: None, group: None, reference, hypothesis, edits };
        assert_eq!(
            printout(&utterance),
            "id: (s-1)\nScores: (#C #S #D #I) 2 1 1 1\n\
             REF:  ****** hold the naïve line\n\
             HYP:  please hold a   naïve ****\n\
             Eval: I           S         D\n"
        );
    }
}
