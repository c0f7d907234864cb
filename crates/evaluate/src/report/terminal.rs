//! Tables for the terminal: columns aligned with spaces, without boxes, so that they can be read, copied and searched.

use super::ReportData;
use crate::Spread;
use crate::format::{count, decimal, duration, three_digits};

/// Alignment of a column's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Left, for words.
    Left,
    /// Right, for numbers.
    Right,
}

/// A table of text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextTable {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl TextTable {
    /// Creates a table with these column heads.
    #[must_use]
    pub fn new(columns: &[(&str, Align)]) -> Self {
        Self {
            columns: columns.iter().map(|&(name, align)| (name.to_owned(), align)).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; missing cells stay empty, and cells beyond the last column are ignored.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<String> = cells.into_iter().take(self.columns.len()).collect();
        cells.resize(self.columns.len(), String::new());
        self.rows.push(cells);
    }

    /// Returns the lines of the table, each ended by a newline. Columns without any text are left out.
    #[must_use]
    pub fn render(&self) -> String {
        let width = |text: &str| text.chars().count();
        let kept: Vec<(usize, usize)> = (0..self.columns.len())
            .filter_map(|column| {
                let widest = self.rows.iter().map(|row| width(&row[column])).max().unwrap_or(0);
                (widest > 0).then(|| (column, widest.max(width(&self.columns[column].0))))
            })
            .collect();
        let line = |cells: &dyn Fn(usize) -> String| {
            let mut line = String::new();
            for (place, &(column, widest)) in kept.iter().enumerate() {
                let text = cells(column);
                let pad = " ".repeat(widest - width(&text));
                line.push_str(if place > 0 { "   " } else { "" });
                line.push_str(&match self.columns[column].1 {
                    Align::Left => text + &pad,
                    Align::Right => pad + &text,
                });
            }
            line.trim_end().to_owned() + "\n"
        };
        let mut out = line(&|column| self.columns[column].0.clone());
        self.rows.iter().for_each(|row| out.push_str(&line(&|column| row[column].clone())));
        out
    }
}

/// Returns the report's table of results, one line for each system.
#[must_use]
pub fn terminal_table(data: &ReportData) -> String {
    use Align::{Left, Right};
    let mut table = TextTable::new(&[
        ("system", Left),
        ("FER %", Right),
        ("speech %", Right),
        ("PER %", Right),
        ("WER %", Right),
        ("frames", Right),
        ("train", Right),
        ("bytes/frame", Right),
        ("values sent %", Right),
        ("audio h/s", Right),
    ]);
    let rate = |spread: Option<Spread>| match spread {
        Some(Spread { mean, deviation: Some(deviation), .. }) => {
            format!("{} ±{}", decimal(mean, 1), decimal(deviation, 1))
        }
        Some(Spread { mean, .. }) => decimal(mean, 1),
        None => String::new(),
    };
    let plain = |text: String| text.replace('\u{a0}', " ");
    for row in &data.rows {
        table.row([
            row.name.clone(),
            rate(row.fer()),
            rate(row.fer_speech()),
            rate(row.per()),
            rate(row.wer()),
            row.frames.map(count).map(plain).unwrap_or_default(),
            row.seconds.map(|s| duration(s).to_string()).unwrap_or_default(),
            row.bytes_per_frame.map(three_digits).unwrap_or_default(),
            row.density.map(|share| three_digits(100.0 * share)).unwrap_or_default(),
            row.hours_per_second.map(three_digits).unwrap_or_default(),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Rates, Row};

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let row = |name: &str, fer: f64, bytes_per_frame| Row {
            name: name.to_owned(),
            runs: vec![Rates { fer: Some(fer), ..Rates::default() }],
            bytes_per_frame,
            ..Row::default()
        };
        let rows = vec![row("annotated", 56.84, None), row("größer", 9.5, Some(4.123))];
        let text = terminal_table(&ReportData { rows, ..ReportData::default() });
        assert_eq!(
            text,
            "system      FER %   bytes/frame\n\
             annotated    56.8\n\
             größer        9.5          4.12\n"
        );
    }

    #[test]
    fn several_seeds_show_their_deviation() {
        let runs = [49.0, 50.0, 51.0].map(|fer| Rates { fer: Some(fer), ..Rates::default() }).to_vec();
        let rows = vec![Row { name: "gtc".to_owned(), runs, ..Row::default() }];
        assert!(terminal_table(&ReportData { rows, ..ReportData::default() }).contains("50.0 ±1.0"));
    }
}
