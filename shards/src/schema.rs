use crate::column::Column;
use crate::{Error, registry};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::fmt;

/// A column declared in a manifest: parsed if this program knows its version, otherwise as it was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, try_from = "Json")]
pub enum Declared {
    /// A column that can be read.
    Known(Column),
    /// A column of a newer version, which is skipped.
    Newer(Newer),
}

/// A column of a newer version. Its declaration is kept unchanged, because the fingerprint covers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Newer {
    declaration: Json,
}

impl Newer {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.declaration["name"].as_str().unwrap_or_default()
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.declaration["version"].as_u64().unwrap_or_default()
    }
}

impl Declared {
    /// The column's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Declared::Known(column) => &column.name,
            Declared::Newer(newer) => newer.name(),
        }
    }

    /// Its JSON form, as also seen by a program that does not know the column.
    pub(crate) fn canonical(&self) -> Json {
        match self {
            // Converted through text, so that a float becomes the number that is parsed from the text.
            Declared::Known(column) => serde_json::to_string(column)
                .and_then(|text| serde_json::from_str(&text))
                .expect("plain structures can always be serialised"),
            Declared::Newer(newer) => newer.declaration.clone(),
        }
    }
}

impl TryFrom<Json> for Declared {
    type Error = String;

    fn try_from(declaration: Json) -> Result<Self, String> {
        let name = declaration["name"].as_str().ok_or("a column without a name")?;
        let version = declaration["version"].as_u64().filter(|version| *version > 0);
        let version = version.ok_or_else(|| format!("column `{name}` has no version"))?;
        if version > u64::from(registry::newest(name)) {
            return Ok(Declared::Newer(Newer { declaration }));
        }
        let column = Column::deserialize(&declaration).map_err(|e| format!("column `{name}`: {e}"))?;
        Ok(Declared::Known(column))
    }
}

/// The columns of a set in the order of its files: those of its kind, followed by those declared in the manifest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schema {
    pub(crate) columns: Vec<Column>,
    newer: Vec<Newer>,
}

impl Schema {
    /// Creates the schema from the columns of a kind and those declared in a manifest.
    pub(crate) fn new(own: Vec<Column>, declared: &[Declared]) -> Self {
        let mut schema = Schema { columns: own, newer: Vec::new() };
        for column in declared {
            match column {
                Declared::Known(column) => schema.columns.push(column.clone()),
                Declared::Newer(newer) => schema.newer.push(newer.clone()),
            }
        }
        schema
    }

    /// Whether a field of a file belongs to a column that this program does not know.
    pub(crate) fn skips(&self, field: &str) -> bool {
        let name = field.split('.').next().unwrap_or_default();
        self.newer.iter().any(|newer| newer.name() == name)
    }

    /// Returns the columns with these names.
    ///
    /// # Errors
    /// [`Error::NoColumn`], [`Error::NewerColumn`].
    pub(crate) fn select(&self, names: &[&str], location: &str) -> Result<Vec<Column>, Error> {
        let find = |&name: &&str| {
            if let Some(column) = self.columns.iter().find(|column| column.name == name) {
                return Ok(column.clone());
            }
            let (location, column) = (location.to_owned(), name.to_owned());
            Err(match self.newer.iter().find(|newer| newer.name() == name) {
                Some(newer) => {
                    let (found, expected) = (newer.version(), registry::newest(name));
                    Error::NewerColumn { location, column, expected, found }
                }
                None => Error::NoColumn { location, column, found: self.to_string() },
            })
        };
        names.iter().map(find).collect()
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.columns.iter().map(|column| column.name.as_str());
        let names: Vec<&str> = known.chain(self.newer.iter().map(Newer::name)).collect();
        f.write_str(&names.join(", "))
    }
}

/// Returns what is wrong with the columns that a manifest declares in addition to `own`.
pub(crate) fn flaw(own: &[Column], declared: &[Declared]) -> Option<String> {
    let flaw = |column: &Declared| match column {
        Declared::Known(column) => column.flaw(),
        Declared::Newer(_) => None,
    };
    registry::flaw(own, declared.iter().map(Declared::name)).or_else(|| declared.iter().find_map(flaw))
}
