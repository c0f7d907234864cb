//! Names of labels.

use crate::error::Error;
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, Write};

const WHAT: &str = "a symbol table";

/// A one-to-one map between labels and their names, in OpenFst's text format: a name and a number on each line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SymbolTable {
    names: BTreeMap<u32, String>,
    labels: HashMap<String, u32>,
}

impl SymbolTable {
    /// Reads a table.
    ///
    /// # Errors
    /// With the line's number if it is not a name and a number, or either occurred before.
    pub fn read(text: impl BufRead) -> Result<Self, Error> {
        let mut table = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.map_err(|source| Error::Io { what: WHAT, source })?;
            let bad = |expected: &str| Error::Line {
                what: WHAT,
                line: number + 1,
                expected: expected.into(),
                found: line.clone(),
            };
            let fields: Vec<_> = line.split_whitespace().collect();
            match fields[..] {
                [] => {}
                [name, label] => {
                    let label = label.parse().map_err(|_| bad("a number below 2^32 after the name"))?;
                    if !table.add(name, label) {
                        return Err(bad("a name and a number that have not occurred before"));
                    }
                }
                _ => return Err(bad("a name and a number")),
            }
        }
        Ok(table)
    }

    /// Adds a pair; false, and nothing is changed, if the name or the label is there already.
    pub fn add(&mut self, name: &str, label: u32) -> bool {
        let is_new = !self.names.contains_key(&label) && !self.labels.contains_key(name);
        if is_new {
            self.names.insert(label, name.to_owned());
            self.labels.insert(name.to_owned(), label);
        }
        is_new
    }

    /// The name of a label.
    pub fn name(&self, label: u32) -> Option<&str> {
        self.names.get(&label).map(String::as_str)
    }

    /// The label of a name.
    pub fn label(&self, name: &str) -> Option<u32> {
        self.labels.get(name).copied()
    }

    /// Writes the table in the order of labels.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn write(&self, mut out: impl Write) -> Result<(), Error> {
        let mut write = || self.names.iter().try_for_each(|(label, name)| writeln!(out, "{name}\t{label}"));
        write().map_err(|source| Error::Io { what: WHAT, source })
    }
}
