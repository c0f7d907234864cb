//! What the parser says of a file, in the words of those who write one.

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
            return unknown_key(line, rest);
        }
        let key = path(error);
        if let Some(expected) = expected(message, &key).filter(|_| !key.is_empty()) {
            let written = text.get(span).and_then(|value| value.lines().next()).unwrap_or_default();
            return Error::Type { line, key, expected, found: written.to_owned() };
        }
        let message = match missing(message) {
            Some(name) if key.is_empty() => format!("`{name}` is missing, which has no default"),
            Some(name) => format!("`{key}.{name}` is missing, which has no default"),
            None => message.to_owned(),
        };
        Error::Syntax { line, column, message }
    }
}

/// `rest`: the key in backquotes, the first of them taken away, and the known ones, each in backquotes.
fn unknown_key(line: usize, rest: &str) -> Error {
    let mut quoted = rest.split('`');
    let key = quoted.next().unwrap_or_default().to_owned();
    let nearest = quoted
        .skip(1)
        .step_by(2)
        .map(|known| (strsim::jaro_winkler(known, &key), known))
        .filter(|(similarity, _)| *similarity > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.to_owned());
    Error::UnknownKey { line, key, nearest }
}

/// Section and key of the value at which `error` was met, `schedule.passes`; empty where it is not about a value. The parser
/// tells it in its own text alone, and there only if it has no file to show.
fn path(error: &toml::de::Error) -> String {
    let mut alone = error.clone();
    alone.set_input(None);
    let words = alone.to_string();
    let key = words.trim_end().rsplit_once("\nin `").and_then(|(_, key)| key.strip_suffix('`'));
    key.unwrap_or_default().to_owned()
}

/// The key that a table lacks, where the parser's message is about that.
fn missing(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// What a value of `key` must be, from the parser's message; none where the message is about something else.
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
        "a string" => "a text in quotes".to_owned(),
        "a sequence" => "a list in brackets".to_owned(),
        table if table.starts_with("struct ") => format!("a table, `[{key}]`"),
        other => other.to_owned(),
    })
}

fn whole_number(most: impl std::fmt::Display) -> String {
    format!("a whole number from 0 to {most}")
}

/// The words that `key` takes.
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
    fn a_value_of_another_type_is_told_in_the_words_of_a_user() {
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
            ("[model]\nstart = 1\n", "line 7: `model.start`: expected a text in quotes, found 1"),
            (
                "[exchange]\nreducers = \"http://a:1\"\n",
                "line 7: `exchange.reducers`: expected a list in brackets, found \"http://a:1\"",
            ),
            (
                "[cluster]\npoison = \"ignore\"\n",
                "line 7: `cluster.poison`: expected `drop` or `stop`, found \"ignore\"",
            ),
            ("[cluster]\npoison = 1\n", "line 7: `cluster.poison`: expected one of `drop`, `stop`, found 1"),
        ] {
            assert_eq!(said(sections), words);
        }
    }

    #[test]
    fn a_value_where_a_table_must_be_is_told_so_and_no_toml_keeps_line_and_column() {
        let error = Experiment::parse("run = 1\n").unwrap_err().to_string();
        assert_eq!(error, "line 1: `run`: expected a table, `[run]`, found 1");
        assert!(said("[schedule\n").starts_with("line 6, column "), "{}", said("[schedule\n"));
        let error =
            Experiment::parse("[run]\nname = \"a\"\n[data]\nannotated = \"x\"\n").unwrap_err().to_string();
        assert!(error.ends_with(": `run.output` is missing, which has no default"), "{error}");
    }
}
