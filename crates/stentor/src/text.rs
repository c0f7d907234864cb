use indicatif::HumanCount;
use std::fmt::{Display, Write};

/// A readable summary: headings, followed by names with values in one column.
#[derive(Debug, Default)]
pub(crate) struct Text {
    lines: Vec<Line>,
}

#[derive(Debug)]
enum Line {
    Heading(String),
    Item(String, String),
    Row(Vec<String>),
}

impl Text {
    pub(crate) fn heading(&mut self, what: impl Display) {
        self.lines.push(Line::Heading(what.to_string()));
    }

    pub(crate) fn item(&mut self, name: impl Display, value: impl Display) {
        self.lines.push(Line::Item(name.to_string(), value.to_string()));
    }

    /// A row of a table; consecutive rows share their columns.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.lines.push(Line::Row(cells.into()));
    }

    pub(crate) fn finish(self) -> String {
        let width = |text: &String| text.chars().count();
        let names = self.lines.iter().filter_map(|line| match line {
            Line::Item(name, _) => Some(width(name)),
            _ => None,
        });
        let names = names.max().unwrap_or(0);
        let mut out = String::new();
        let tables = self.lines.chunk_by(|a, b| matches!((a, b), (Line::Row(_), Line::Row(_))));
        for lines in tables {
            let columns = columns(lines);
            for line in lines {
                // Writing to a String cannot fail.
                let _ = match line {
                    Line::Heading(what) if out.is_empty() => writeln!(out, "{what}"),
                    Line::Heading(what) => writeln!(out, "\n{what}"),
                    Line::Item(name, value) => writeln!(out, "  {name:names$}  {value}"),
                    Line::Row(cells) => {
                        let padded = cells.iter().zip(&columns).map(|(cell, width)| format!("{cell:width$}"));
                        writeln!(out, "  {}", padded.collect::<Vec<_>>().join("  ").trim_end())
                    }
                };
            }
        }
        out
    }
}

/// Widths of the cells of a table.
fn columns(lines: &[Line]) -> Vec<usize> {
    let mut widths = Vec::new();
    for line in lines {
        let Line::Row(cells) = line else { continue };
        widths.resize(widths.len().max(cells.len()), 0);
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

/// `1 shard`, `2 shards`, `2 batches`.
pub(crate) fn counted(number: u64, one: &str) -> String {
    let end = match number {
        1 => "",
        _ if one.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{} {one}{end}", HumanCount(number))
}

/// Bytes divided by frames.
pub(crate) fn per_frame(bytes: u64, frames: u64) -> f64 {
    bytes as f64 / frames.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn singular_and_plural_are_distinguished() {
        let counts = [(0, "batch"), (1, "batch"), (2, "batch"), (1, "row group"), (1200, "row group")];
        let words = counts.map(|(number, one)| counted(number, one));
        assert_eq!(words, ["0 batches", "1 batch", "2 batches", "1 row group", "1,200 row groups"]);
    }
}
