use stentor_experiment::{Experiment, Key, reference};

/// Returns an experiment as TOML with every default written out, and with the keys that are absent as comments, each with an example.
pub(crate) fn text(experiment: &Experiment) -> String {
    let complete = experiment.to_complete_toml();
    let mut text = String::new();
    for table in complete.split("\n\n") {
        let table = table.trim_end();
        text += table;
        text.push('\n');
        text += &absent(table);
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Lines for the keys that a table of an experiment does not have.
fn absent(table: &str) -> String {
    let name = table.lines().next().and_then(|line| line.strip_prefix('[')?.strip_suffix(']'));
    let Some(section) = reference().into_iter().find(|section| Some(section.name.as_str()) == name) else {
        return String::new();
    };
    let has = |key: &str| table.lines().any(|line| line.split(" = ").next() == Some(key));
    let keys = section.keys.iter().filter(|key| !has(&key.name));
    keys.map(|key| format!("#{} = {}  # an example; default: {}\n", key.name, key.example, default(key)))
        .collect()
}

/// What holds without the key, by its description.
fn default(key: &Key) -> String {
    let doc = key.doc.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((_, rest)) = doc.split_once("Default") else { return "absent".to_owned() };
    let end = [";", ". "].into_iter().filter_map(|mark| rest.find(mark)).min();
    rest[..end.unwrap_or(rest.len())].trim_start_matches(':').trim().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "[run]\nname = \"a\"\noutput = \"runs/a\"\n[data]\nannotated = \"data/a\"\n";

    #[test]
    fn every_key_is_shown_with_its_value_or_as_a_comment_that_may_be_taken_in() {
        let experiment = Experiment::parse(MINIMAL).unwrap();
        let text = text(&experiment);
        assert_eq!(Experiment::parse(&text).unwrap(), experiment);
        assert!(text.contains("\n#every = \"15min\"  # an example; default: absent\n"), "{text}");
        assert!(text.contains("\n#dropout = 0.1  # an example; default: 0\n"), "{text}");
        let mut section = String::new();
        let mut shown = Vec::new();
        for line in text.lines() {
            match line.strip_prefix('[') {
                Some(name) => section = name.trim_end_matches(']').to_owned(),
                None => {
                    let key = line.trim_start_matches('#').split(" = ").next().unwrap_or_default();
                    shown.extend((!key.is_empty()).then(|| format!("{section}.{key}")));
                }
            }
        }
        for section in reference() {
            for key in section.keys {
                let path = format!("{}.{}", section.name, key.name);
                assert_eq!(shown.iter().filter(|one| **one == path).count(), 1, "{path}\n{text}");
            }
        }
        // Unannotated data and their labels belong together.
        let is_of_pair = |line: &str| ["#unannotated", "#labels"].iter().any(|key| line.starts_with(key));
        for comment in text.lines().filter(|line| line.starts_with('#')) {
            let taken_in = text.lines().map(|line| {
                let is_meant = line == comment || is_of_pair(comment) && is_of_pair(line);
                line.strip_prefix('#').filter(|_| is_meant).unwrap_or(line)
            });
            let taken_in: Vec<&str> = taken_in.collect();
            assert_ne!(Experiment::parse(&taken_in.join("\n")).unwrap(), experiment, "{comment}");
        }
    }

    #[test]
    fn a_key_that_is_set_is_shown_once() {
        let set = format!("{MINIMAL}dev = \"data/d\"\n[checkpoint]\nevery = \"2h\"\n");
        let text = text(&Experiment::parse(&set).unwrap());
        assert!(text.contains("\ndev = \"data/d\"\n") && !text.contains("#dev"), "{text}");
        assert!(text.contains("\nevery = \"2h\"\n") && !text.contains("#every"), "{text}");
    }
}
