//! Translation of the TOML parser's messages into terms of the experiment file.

use crate::Error;
use crate::reference::reference;

impl Error {
    pub(crate) fn from_toml(error: &toml::de::Error, text: &str) -> Self {
        let span = error.span().unwrap_or_default();
        let offset = span.start.min(text.len());
        let before = text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = offset - before.rfind('\n').map_or(0, |p| p + 1) + 1;
        let message = error.message();
        if let Some(rest) = message.strip_prefix("unknown field `") {
            let (key, nearest) = nearest(rest);
            return Error::UnknownKey { line, key: key.to_owned(), nearest };
        }
        let key = path(error);
        if let Some(expected) = expected(message, &key).filter(|_| !key.is_empty()) {
            let written = text.get(span).and_then(|value| value.lines().next()).unwrap_or_default();
            let nearest = message.strip_prefix("unknown variant `").and_then(|rest| nearest(rest).1);
            return Error::Type {
                line,
                key,
                expected,
                found: written.to_owned(),
                nearest: nearest.map(String::into_boxed_str),
            };
        }
        let message = match missing(message) {
            Some(name) if key.is_empty() => format!("`{name}` is missing, which has no default"),
            Some(name) => format!("`{key}.{name}` is missing, which has no default"),
            None => message.to_owned(),
        };
        Error::Syntax { line, column, message }
    }
}

/// Returns the unknown word, and the most similar known word if one is similar enough. `rest`: the unknown word in
/// backquotes, without the first of them, and the known words, each in backquotes.
fn nearest(rest: &str) -> (&str, Option<String>) {
    let mut quoted = rest.split('`');
    let word = quoted.next().unwrap_or_default();
    let nearest = quoted
        .skip(1)
        .step_by(2)
        .map(|known| (similarity(known, word), known))
        .filter(|(similarity, _)| *similarity > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.to_owned());
    (word, nearest)
}

/// How alike two words are: above 1 within two slips of the fingers, of which exchanged letters are one; otherwise 0 to 1.
fn similarity(known: &str, word: &str) -> f64 {
    let slips = strsim::osa_distance(known, word);
    let alike = strsim::jaro_winkler(known, word);
    if slips <= 2 && 2 * slips < known.len() { alike + (3 - slips) as f64 } else { alike }
}

/// Returns section and key of the value where `error` occurred, `schedule.passes`; empty if it is not about a value.
/// The parser reports it only in its message text, and only if it has no source file to show.
fn path(error: &toml::de::Error) -> String {
    let mut alone = error.clone();
    alone.set_input(None);
    let words = alone.to_string();
    let key = words.trim_end().rsplit_once("\nin `").and_then(|(_, key)| key.strip_suffix('`'));
    key.unwrap_or_default().to_owned()
}

/// Returns the key that a table lacks, if the parser's message is about that.
fn missing(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// Returns what a value of `key` must be, from the parser's message; `None` if the message is about something else.
fn expected(message: &str, key: &str) -> Option<String> {
    if message == "wanted string or table" {
        return Some(format!("one of {}", words(key)?));
    }
    let is_about_values = ["invalid type: ", "invalid value: ", "unknown variant "]
        .iter()
        .any(|start| message.starts_with(start));
    let (_, expected) = message.rsplit_once(", expected ").filter(|_| is_about_values)?;
    Some(match expected {
        "u8" => whole_number(u8::MAX),
        "u16" => whole_number(u16::MAX),
        "u32" => whole_number(u32::MAX),
        "u64" => whole_number(u64::MAX),
        "usize" => whole_number(usize::MAX),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "a string in quotes".to_owned(),
        "a sequence" => "a list in brackets".to_owned(),
        table if table.starts_with("struct ") => format!("a table, `[{key}]`"),
        other => other.to_owned(),
    })
}

fn whole_number(most: impl std::fmt::Display) -> String {
    format!("a whole number from 0 to {most}")
}

/// Returns the words that `key` accepts.
fn words(key: &str) -> Option<String> {
    let (section, name) = key.rsplit_once('.')?;
    let section = reference().into_iter().find(|known| known.name == section)?;
    let key = section.keys.into_iter().find(|known| known.name == name)?;
    let words: Vec<String> = key.words.iter().map(|word| format!("`{}`", word.word)).collect();
    Some(words.join(", "))
}

#[cfg(test)]
mod tests {
    use crate::Experiment;

    fn said(sections: &str) -> String {
        let text = format!("[run]\nname = \"a\"\noutput = \"o\"\n[data]\nannotated = \"x\"\n{sections}");
        Experiment::parse(&text).unwrap_err().to_string()
    }

    #[test]
    fn a_value_of_another_type_is_explained_in_terms_of_the_file() {
        for (sections, words) in [
            (
                "[schedule]\npasses = \"two\"\n",
                "line 7: `schedule.passes`: expected a whole number from 0 to 4294967295, found \"two\"",
            ),
            (
                "[schedule]\npasses = -1\n",
                "line 7: `schedule.passes`: expected a whole number from 0 to 4294967295, found -1",
            ),
            (
                "[exchange.bmuf]\n\nblock = 0.5\n",
                "line 8: `exchange.bmuf.block`: expected a whole number from 0 to 4294967295, found 0.5",
            ),
            (
                "[schedule]\nlearning_rate = true\n",
                "line 7: `schedule.learning_rate`: expected a number, found true",
            ),
            (
                "[model]\nbidirectional = \"yes\"\n",
                "line 7: `model.bidirectional`: expected true or false, found \"yes\"",
            ),
            ("[model]\nstart = 1\n", "line 7: `model.start`: expected a string in quotes, found 1"),
            (
                "[exchange]\nreducers = \"http://a:1\"\n",
                "line 7: `exchange.reducers`: expected a list in brackets, found \"http://a:1\"",
            ),
            (
                "[cluster]\npoison = \"ignore\"\n",
                "line 7: `cluster.poison`: expected `drop` or `stop`, found \"ignore\"",
            ),
            (
                "[cluster]\npoison = \"dropp\"\n",
                "line 7: `cluster.poison`: expected `drop` or `stop`, found \"dropp\"; did you mean `drop`?",
            ),
            ("[cluster]\npoison = 1\n", "line 7: `cluster.poison`: expected one of `drop`, `stop`, found 1"),
        ] {
            assert_eq!(said(sections), words);
        }
    }

    #[test]
    fn a_value_in_place_of_a_table_is_named_and_invalid_toml_keeps_line_and_column() {
        let error = Experiment::parse("run = 1\n").unwrap_err().to_string();
        assert_eq!(error, "line 1: `run`: expected a table, `[run]`, found 1");
        assert!(said("[schedule\n").starts_with("line 6, column "), "{}", said("[schedule\n"));
        let error =
            Experiment::parse("[run]\nname = \"a\"\n[data]\nannotated = \"x\"\n").unwrap_err().to_string();
        assert!(error.ends_with(": `run.output` is missing, which has no default"), "{error}");
    }
}
