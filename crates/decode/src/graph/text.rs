//! OpenFst's text format, as `fstprint` writes it and `fstcompile` reads it.
//!
//! A line is an arc, `from to input output [weight]`, or a final state, `state [weight]`. The first line's first state is the
//! start. A missing weight is 0.

use super::{Graph, GraphBuilder, SymbolTable};
use crate::error::Error;
use crate::network::{Arc, Network};
use std::io::{BufRead, Write};

const WHAT: &str = "a graph";

impl Graph {
    /// Reads a graph whose labels are numbers.
    ///
    /// # Errors
    /// With the line's number if it is malformed, and as [`GraphBuilder::build`]. A graph without lines is refused.
    pub fn read(text: impl BufRead) -> Result<Self, Error> {
        read(text, None, None)
    }

    /// Reads a graph whose labels are names of these tables.
    ///
    /// # Errors
    /// As [`Graph::read`], and if a name is not in its table.
    pub fn read_with(text: impl BufRead, inputs: &SymbolTable, outputs: &SymbolTable) -> Result<Self, Error> {
        read(text, Some(inputs), Some(outputs))
    }

    /// Writes the graph with numbers as labels. Reading the text gives an equal graph.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn write(&self, mut out: impl Write) -> Result<(), Error> {
        // The first line names the start, so its state is written first.
        let others = (0..self.len() as u32).filter(|state| *state != self.start);
        let write = || {
            for state in std::iter::once(self.start).chain(others) {
                for Arc { next, input, output, weight } in self.arcs(state) {
                    writeln!(out, "{state}\t{next}\t{input}\t{output}\t{weight}")?;
                }
                match self.final_cost(state) {
                    cost if cost.is_finite() => writeln!(out, "{state}\t{cost}")?,
                    // OpenFst knows a state by any line: this one says that it is not final.
                    _ if self.arcs(state).is_empty() => writeln!(out, "{state}\tInfinity")?,
                    _ => {}
                }
            }
            Ok(())
        };
        write().map_err(|source| Error::Io { what: WHAT, source })
    }
}

fn read(
    text: impl BufRead,
    inputs: Option<&SymbolTable>,
    outputs: Option<&SymbolTable>,
) -> Result<Graph, Error> {
    let mut arcs = Vec::new();
    let mut finals = Vec::new();
    let mut start = None;
    // The largest number of a state, and its line.
    let mut largest = (0, 0);
    let mut lines = 0;
    for (number, line) in text.lines().enumerate() {
        let text = line.map_err(|source| Error::Io { what: WHAT, source })?;
        let line = Line { number: number + 1, text: &text };
        let fields: Vec<_> = text.split_whitespace().collect();
        let (from, to) = match fields[..] {
            [] => continue,
            [state] | [state, _] => {
                let state = line.state(state)?;
                finals.push((state, line.weight(fields.get(1).copied())?));
                (state, state)
            }
            [from, to, input, output] | [from, to, input, output, _] => {
                let (input, output) = (line.label(input, inputs)?, line.label(output, outputs)?);
                let (from, next) = (line.state(from)?, line.state(to)?);
                let weight = line.weight(fields.get(4).copied())?;
                // An arc of infinite cost is no arc.
                if weight.is_finite() {
                    arcs.push((from, Arc { next, input, output, weight }));
                }
                (from, next)
            }
            _ => return Err(line.bad("`from to input output [weight]` or `state [weight]`", line.text)),
        };
        start.get_or_insert(from);
        largest = largest.max((from.max(to), line.number));
        lines = line.number;
    }
    // A line names at most two states, so a text's length bounds their numbers, unless there are gaps.
    let bound = MOST_WITH_GAPS.max(2 * lines);
    if largest.0 as usize >= bound {
        let expected = format!("numbers of states below {bound} in a text of {lines} lines");
        return Err(Line { number: largest.1, text: "" }.bad(&expected, &largest.0.to_string()));
    }
    let start = start.ok_or(Error::Empty { what: WHAT.into() })?;
    let mut builder = GraphBuilder::default();
    (0..=largest.0).for_each(|_| _ = builder.add_state());
    arcs.into_iter().for_each(|(from, arc)| builder.add_arc(from, arc));
    finals.into_iter().try_for_each(|(state, cost)| builder.set_final(state, cost))?;
    builder.build(start)
}

/// Below this, numbers of states may have any gaps.
const MOST_WITH_GAPS: usize = 1 << 16;

struct Line<'a> {
    number: usize,
    text: &'a str,
}

impl Line<'_> {
    fn bad(&self, expected: &str, found: &str) -> Error {
        Error::Line { what: WHAT, line: self.number, expected: expected.into(), found: found.into() }
    }

    fn state(&self, field: &str) -> Result<u32, Error> {
        field.parse().map_err(|_| self.bad("the number of a state", field))
    }

    fn label(&self, field: &str, table: Option<&SymbolTable>) -> Result<u32, Error> {
        match table {
            Some(table) => table.label(field).ok_or_else(|| self.bad("a name from the symbol table", field)),
            None => field.parse().map_err(|_| self.bad("the number of a label", field)),
        }
    }

    /// Infinite where the text says so, but never NaN or minus infinity.
    fn weight(&self, field: Option<&str>) -> Result<f64, Error> {
        let Some(field) = field else { return Ok(0.0) };
        let weight: f64 = field.parse().map_err(|_| self.bad("a weight", field))?;
        match weight.is_nan() || weight == f64::NEG_INFINITY {
            true => Err(self.bad("a weight above minus infinity", field)),
            false => Ok(weight),
        }
    }
}
