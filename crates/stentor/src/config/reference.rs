use std::fmt::Write;
use stentor_experiment::{Key, reference};

/// The page `docs/config.md`.
pub(crate) fn page() -> String {
    let mut page = String::from(
        "# The experiment file\n\n\
         Every table and key, from the code that reads them: `stentor config reference` prints this page, and a test compares. \
         `stentor init` writes a file with all of them; `stentor config check FILE` looks at one before anything runs; \
         `stentor config show FILE` prints it with every default.\n\n\
         A number is meant within the bounds that are named; anything else is refused with the key's name. Unknown keys are \
         errors with the line and the nearest known key.\n",
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
        // A word's first paragraph; the rest is for readers of the code.
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

/// As a cell of a table holds it. rustdoc's links to other items say nothing here.
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
