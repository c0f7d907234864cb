use crate::{BlockPreset, Experiment, Preset};
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// A table of the experiment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// As in the file: `exchange.gtc`.
    pub name: String,
    /// What it is about.
    pub doc: String,
    /// Its keys, in the order in which they are meant to be read.
    pub keys: Vec<Key>,
}

/// A key of the experiment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Without its table.
    pub name: String,
    /// Meaning, unit, default and bounds.
    pub doc: String,
    /// The words that it takes, where it takes words.
    pub words: Vec<Word>,
    /// Whether a file without it is an error.
    pub required: bool,
    /// As TOML; none where being absent is the default, and where it is required.
    pub default: Option<String>,
    /// As TOML: the default, else a value that it may have.
    pub example: String,
}

/// A word that a key takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As in the file, without quotes.
    pub word: String,
    /// What it means.
    pub doc: String,
}

/// Every table and key of the experiment file, from the types that read it: their doc comments, their defaults.
///
/// # Panics
/// Never: the types describe themselves.
#[must_use]
pub fn reference() -> Vec<Section> {
    let schema = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        // What `[exchange.bmuf]` is read from has no docs; what is written has.
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Experiment>()
        .to_value();
    let minimal = lines(&Experiment::parse(MINIMAL).expect("it has all that is required"));
    let mut sections: Vec<Section> = Vec::new();
    for Line { section, key, value } in lines(&everything()) {
        if sections.last().is_none_or(|last| last.name != section) {
            let doc = text(property(&schema, &section));
            sections.push(Section { name: section.clone(), doc, keys: Vec::new() });
        }
        let described = property(&schema, &format!("{section}.{key}"));
        let required = REQUIRED.contains(&format!("{section}.{key}").as_str());
        let same = |line: &&Line| line.section == section && line.key == key;
        let default = minimal.iter().find(same).filter(|_| !required).map(|line| line.value.clone());
        let example = default.clone().unwrap_or(value);
        let (doc, words) = (text(described), words(described));
        let key = Key { name: key, doc, words, required, default, example };
        if let Some(section) = sections.last_mut() {
            section.keys.push(key);
        }
    }
    sections
}

/// What no experiment can do without.
const REQUIRED: [&str; 3] = ["run.name", "run.output", "data.annotated"];

const MINIMAL: &str =
    "[run]\nname = \"student\"\noutput = \"runs/student\"\n[data]\nannotated = \"data/annotated\"\n";

/// An experiment in which no key is absent.
fn everything() -> Experiment {
    let mut experiment = Experiment::parse(MINIMAL).expect("it has all that is required");
    let data = &mut experiment.data;
    data.unannotated = Some("data/unannotated".into());
    data.labels = Some("labels".into());
    data.annotated_labels = Some("labels-annotated".into());
    data.dev = Some("data/dev".into());
    experiment.model.preset = Some(Preset::Student24M);
    experiment.model.start = Some("runs/earlier".into());
    experiment.model.new_output = true;
    experiment.exchange.gtc.tau = Some(0.5);
    experiment.exchange.bmuf.preset = BlockPreset::Bmuf;
    experiment.exchange.bmuf.momentum = Some(0.75);
    experiment
}

/// A key with its value.
struct Line {
    section: String,
    key: String,
    value: String,
}

/// Of an experiment as TOML, whose keys come in the order of the types' fields.
fn lines(experiment: &Experiment) -> Vec<Line> {
    let (mut section, mut lines) = (String::new(), Vec::new());
    for line in experiment.to_toml().lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, value)) = line.split_once(" = ") {
            lines.push(Line { section: section.clone(), key: key.to_owned(), value: value.to_owned() });
        }
    }
    lines
}

/// The schema at a path of properties with dots between.
fn property<'a>(schema: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(schema, |schema, name| &schema["properties"][name])
}

/// A description, its lines joined as Markdown joins them.
fn text(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

/// The values of an enum; of an optional one, those of what it may be.
fn words(schema: &Value) -> Vec<Word> {
    let alternatives = ["oneOf", "anyOf"].iter().filter_map(|key| schema[key].as_array()).flatten();
    let mut found = Vec::new();
    for one in alternatives {
        match one["const"].as_str() {
            Some(word) => found.push(Word { word: word.to_owned(), doc: text(one) }),
            None => found.extend(words(one)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Every key below `schema`, with dots between.
    fn keys_of(schema: &Value, prefix: &str, found: &mut BTreeSet<String>) {
        for (name, below) in schema["properties"].as_object().unwrap() {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match below["properties"].is_object() {
                true => keys_of(below, &path, found),
                false => drop(found.insert(path)),
            }
        }
    }

    #[test]
    fn every_key_of_the_types_is_in_the_reference_and_says_what_it_is() {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        let schema =
            settings.for_serialize().into_generator().into_root_schema_for::<Experiment>().to_value();
        let mut expected = BTreeSet::new();
        keys_of(&schema, "", &mut expected);
        let sections = reference();
        let keys = || sections.iter().flat_map(|s| s.keys.iter().map(move |k| (&s.name, k)));
        let found: BTreeSet<String> = keys().map(|(s, k)| format!("{s}.{}", k.name)).collect();
        assert_eq!(found, expected);
        for (section, key) in keys() {
            assert!(key.doc.len() > 10, "{section}.{}: {:?}", key.name, key.doc);
            assert!(
                key.words.iter().all(|word| word.doc.len() > 3),
                "{section}.{}: {:?}",
                key.name,
                key.words
            );
            assert!(!(key.required && key.default.is_some()), "{section}.{}", key.name);
        }
        assert!(sections.iter().all(|section| section.doc.len() > 5), "{sections:?}");
    }

    #[test]
    fn words_are_told_one_by_one() {
        let sections = reference();
        let exchange = sections.iter().find(|s| s.name == "exchange").unwrap();
        let words: Vec<_> = exchange.keys[0].words.iter().map(|w| w.word.as_str()).collect();
        assert_eq!(words, ["dense", "gtc", "bmuf", "two-tier"]);
        assert_eq!(exchange.keys[0].default.as_deref(), Some("\"dense\""));
        let model = sections.iter().find(|s| s.name == "model").unwrap();
        let preset = model.keys.iter().find(|k| k.name == "preset").unwrap();
        assert_eq!(
            (preset.words.len(), preset.default.as_deref()),
            (2, None),
            "an optional one too: {preset:?}"
        );
    }

    #[test]
    fn only_what_is_required_is_required() {
        for (line, key) in MINIMAL.lines().filter_map(|line| Some((line, line.split_once(" = ")?.0))) {
            let error = Experiment::parse(&MINIMAL.replace(line, "")).unwrap_err().to_string();
            assert!(
                error.contains(&format!(".{key}` is missing, which has no default")),
                "without {line}: {error}"
            );
        }
        let required: Vec<_> = reference()
            .into_iter()
            .flat_map(|s| {
                s.keys.into_iter().filter(|k| k.required).map(move |k| format!("{}.{}", s.name, k.name))
            })
            .collect();
        assert_eq!(required, REQUIRED);
    }
}
