use std::fmt::Write;
use stentor_experiment::{Key, reference};

/// Returns the page `docs/config.md`.
pub(crate) fn page() -> String {
    let mut page = String::from(
        "# The experiment file\n\n\
         All tables and keys. This page is generated from the code: `stentor config reference` prints it, and a test checks that it \
         is up to date. `stentor init` writes a file with all keys; `stentor config check FILE` checks a file before a run; \
         `stentor config show FILE` prints it with every default, and absent keys as comments.\n\n\
         A number outside the stated bounds is an error that names the key. An unknown key is an error that gives the line and the \
         nearest known key.\n",
    );
    for section in reference() {
        let _ = write!(
            page,
            "\n## `[{}]`\n\n{}\n\n| key | meaning | default |\n|---|---|---|\n",
            section.name,
            one_line(&section.doc)
        );
        for key in &section.keys {
            let _ = writeln!(page, "| `{}` | {} | {} |", key.name, meaning(key), default(key));
        }
    }
    page
}

fn meaning(key: &Key) -> String {
    let words = key.words.iter().map(|word| {
        // The first paragraph of a word's doc comment; the rest is for readers of the code.
        let doc = word.doc.split("\n\n").next().unwrap_or_default();
        format!("<br>`\"{}\"`: {}", word.word, one_line(doc))
    });
    one_line(&key.doc) + &words.collect::<String>()
}

fn default(key: &Key) -> String {
    match &key.default {
        Some(value) => format!("`{value}`"),
        None if key.required => "required".to_owned(),
        None => "absent".to_owned(),
    }
}

/// Formats text for a table cell. Links between items have no meaning outside rustdoc.
fn one_line(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_docs_is_the_one_of_this_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/config.md");
        let there = std::fs::read_to_string(path).unwrap();
        assert!(there == page(), "docs/config.md is old: `stentor config reference > docs/config.md`");
    }
}
