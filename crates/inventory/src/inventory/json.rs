//! An inventory in manifests: a list of senones; or, of a tying tree, an object with the tree's fingerprint and that list.

use super::Inventory;
use crate::Senone;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

#[derive(Serialize)]
struct TiedOut<'a> {
    tree: &'a str,
    senones: &'a [Senone],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tied {
    tree: String,
    senones: Vec<Senone>,
}

impl Serialize for Inventory {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.tree {
            Some(tree) => TiedOut { tree, senones: &self.senones }.serialize(to),
            None => self.senones.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Inventory {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Either)
    }
}

/// Reads both forms. An untagged enum would, too, but would not say what is wrong with a senone.
struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = Inventory;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of senones, or an object with `tree` and `senones`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Inventory, A::Error> {
        let senones = Vec::deserialize(SeqAccessDeserializer::new(list))?;
        Inventory::new(senones).map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Inventory, A::Error> {
        let Tied { tree, senones } = Tied::deserialize(MapAccessDeserializer::new(object))?;
        Inventory::of_tree(senones, tree).map_err(A::Error::custom)
    }
}
