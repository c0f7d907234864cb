use crate::{BlockPreset, Experiment, Interval, Lstm, Preset};
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// A table of the experiment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Name as in the file: `exchange.gtc`.
    pub name: String,
    /// Description of the table.
    pub doc: String,
    /// Its keys, in the order in which they should be read.
    pub keys: Vec<Key>,
}

/// A key of the experiment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Name, without its table.
    pub name: String,
    /// Meaning, unit, default and bounds.
    pub doc: String,
    /// The words that it accepts, if it accepts words.
    pub words: Vec<Word>,
    /// Whether a file without it is an error.
    pub required: bool,
    /// The default as TOML; `None` if the key is absent by default, or required.
    pub default: Option<String>,
    /// A value as TOML: the default, or else a permitted value.
    pub example: String,
}

/// A word that a key accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word as in the file, without quotes.
    pub word: String,
    /// Its meaning.
    pub doc: String,
}

/// Returns every table and key of the experiment file, from the doc comments and defaults of the types that parse it.
///
/// # Panics
/// Never: every type has a schema.
#[must_use]
pub fn reference() -> Vec<Section> {
    let schema = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        // The type that `[exchange.bmuf]` is parsed from has no docs; the serialised one has.
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Experiment>()
        .to_value();
    let minimal = lines(&Experiment::parse(MINIMAL).expect("it has all required keys"));
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

/// The keys that every experiment must have.
const REQUIRED: [&str; 3] = ["run.name", "run.output", "data.annotated"];

const MINIMAL: &str =
    "[run]\nname = \"student\"\noutput = \"runs/student\"\n[data]\nannotated = \"data/annotated\"\n";

/// Returns an experiment in which no key is absent.
fn everything() -> Experiment {
    let mut experiment = Experiment::parse(MINIMAL).expect("it has all required keys");
    let data = &mut experiment.data;
    data.unannotated = Some("data/unannotated".into());
    data.labels = Some("labels".into());
    data.annotated_labels = Some("labels-annotated".into());
    data.dev = Some("data/dev".into());
    let lstm = Lstm { preset: Some(Preset::Student24M), look_ahead: 3, ..Lstm::default() };
    experiment.model.architecture = lstm.into();
    experiment.model.dropout = 0.1;
    experiment.model.start = Some("runs/earlier".into());
    experiment.model.new_output = true;
    experiment.checkpoint.every = Some(Interval::of_seconds(900));
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

/// Returns the lines of an experiment as TOML, with keys in the order of the types' fields.
fn lines(experiment: &Experiment) -> Vec<Line> {
    let (mut section, mut lines) = (String::new(), Vec::new());
    for line in experiment.to_complete_toml().lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, value)) = line.split_once(" = ") {
            lines.push(Line { section: section.clone(), key: key.to_owned(), value: value.to_owned() });
        }
    }
    lines
}

/// Returns the schema at a path of property names separated by dots.
fn property<'a>(schema: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(schema, |schema, name| &schema["properties"][name])
}

/// Returns a description, its lines joined as Markdown joins them.
fn text(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

/// Returns the values of an enum, or of an optional enum.
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

    /// Collects every key below `schema`, with dots between names.
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
    fn every_key_of_the_types_is_in_the_reference_with_a_description() {
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
    fn words_are_listed_one_by_one() {
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
            "also for an optional enum: {preset:?}"
        );
    }

    #[test]
    fn only_the_required_keys_are_required() {
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
