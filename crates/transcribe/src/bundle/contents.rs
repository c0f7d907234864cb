use super::description::{Description, SCHEMA_VERSION, TrainedModel};
use crate::error::Error;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use stentor_checkpoint::{Object, digest};
use stentor_inventory::Lexicon;
use stentor_language::{Model, arpa};
use stentor_recogniser::Settings;

/// Parameters of the network.
pub(super) const PARAMETERS: &str = "model.safetensors";
/// Scales and limits, and the counts of aligned speech that priors and durations are from.
pub(super) const SETTINGS: &str = "settings.json";
/// Words, weights and phones, as in Kaldi's `lexiconp.txt`.
pub(super) const LEXICON: &str = "lexicon.txt";
/// N-grams.
pub(super) const LANGUAGE: &str = "lm.arpa";
/// The tying tree, if the senones are those of one.
pub(super) const TREE: &str = "tree.json";

/// What a bundle is made of.
#[derive(Debug)]
pub struct Contents<'a> {
    /// The model.
    pub trained: TrainedModel,
    /// A safetensors file.
    pub parameters: Vec<u8>,
    /// The tying tree's file, if the senones are those of one.
    pub tree: Option<Vec<u8>>,
    /// Words and phones.
    pub lexicon: &'a Lexicon,
    /// N-grams.
    pub language: &'a Model,
    /// With the statistics that priors and durations are from.
    pub settings: &'a Settings,
}

/// The files of a bundle but its description, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts(pub BTreeMap<String, Vec<u8>>);

impl Contents<'_> {
    /// The files of the bundle.
    ///
    /// # Errors
    /// [`Error::Content`] for settings with numbers that JSON cannot express.
    pub fn pack(self) -> Result<(Description, Parts), Error> {
        let mut settings =
            serde_json::to_vec_pretty(self.settings).map_err(|error| super::content(SETTINGS, &error))?;
        settings.push(b'\n');
        let mut language = Vec::new();
        arpa::write(self.language, &mut language).map_err(|error| super::content(LANGUAGE, &error))?;
        let mut parts = BTreeMap::from([
            (PARAMETERS.to_owned(), self.parameters),
            (SETTINGS.to_owned(), settings),
            (LEXICON.to_owned(), text_of(self.lexicon).into_bytes()),
            (LANGUAGE.to_owned(), language),
        ]);
        parts.extend(self.tree.map(|tree| (TREE.to_owned(), tree)));
        let object = |(name, bytes): (&String, &Vec<u8>)| Object {
            name: name.clone(),
            bytes: bytes.len() as u64,
            digest: digest(bytes),
            blake3: None,
        };
        let description = Description {
            schema_version: SCHEMA_VERSION,
            created_by: concat!("stentor ", env!("CARGO_PKG_VERSION")).to_owned(),
            trained: self.trained,
            parts: parts.iter().map(object).collect(),
            fingerprint: String::new(),
        };
        Ok((description.sealed(), Parts(parts)))
    }
}

/// A line for each pronunciation.
fn text_of(lexicon: &Lexicon) -> String {
    let mut text = String::new();
    for (_, word, pronunciations) in lexicon.words() {
        for said in pronunciations {
            text += &format!("{word} {}", said.probability);
            for phone in &said.phones {
                text.push(' ');
                text += lexicon.phones().name(*phone).unwrap_or_default();
            }
            text.push('\n');
        }
    }
    text
}

impl Parts {
    /// Checks that the parts are those of the description, to the byte.
    pub(super) fn check(&self, description: &Description) -> Result<(), Error> {
        let part = |name: &str, expected: String, found: String| Error::Part {
            part: name.to_owned(),
            expected,
            found,
        };
        for object in &description.parts {
            let bytes = self.get(&object.name)?;
            if bytes.len() as u64 != object.bytes {
                let bytes = |count: u64| format!("{count} bytes");
                return Err(part(
                    &object.name,
                    bytes(object.bytes),
                    bytes(self.0[&object.name].len() as u64),
                ));
            }
            let found = digest(bytes);
            if found != object.digest {
                let digest = |digest: u64| format!("digest {digest:016x}");
                return Err(part(&object.name, digest(object.digest), digest(found)));
            }
        }
        let listed = |name: &str| description.parts.iter().any(|object| object.name == name);
        match self.0.keys().find(|name| !listed(name)) {
            Some(name) => Err(part(name, "an entry in the description".to_owned(), "none".to_owned())),
            None => Ok(()),
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice)
    }

    pub(super) fn get(&self, name: &str) -> Result<&[u8], Error> {
        self.find(name).ok_or_else(|| {
            let (expected, found) = ("the part".to_owned(), "nothing".to_owned());
            Error::Part { part: name.to_owned(), expected, found }
        })
    }

    pub(super) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        serde_json::from_slice(self.get(name)?).map_err(|error| super::content(name, &error))
    }
}
