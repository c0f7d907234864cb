//! The exchange's arithmetic on one core: `crates/exchange/examples/exchange_bench.rs`, with targets for its figures.

use super::example;
use super::figures::{Figures, number};
use anyhow::{Result, bail};
use serde_json::Value;
use stentor_tasks::Environment;

/// Densities at which message sizes are compared with the entropy.
const DENSITIES: [&str; 3] = ["0.0001", "0.001", "0.01"];

/// A quantity, its value, and its target.
struct Row {
    what: String,
    value: f64,
    aim: Option<Aim>,
}

enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

pub(super) fn run(environment: &Environment, figures: &mut Figures) -> Result<()> {
    let measured = example::run(environment, "exchange_bench")?;
    println!("{}", table(&rows(&measured)?));
    let Value::Object(measured) = measured else { bail!("the example printed JSON that is not an object") };
    // The figures with a target are at the top level, the details below one key.
    let promised = ["encode_vs_memcpy", "decode_add_per_s", "bits_vs_entropy"];
    let (top, rest): (Figures, Figures) =
        measured.into_iter().partition(|(key, _)| promised.contains(&key.as_str()));
    figures.extend(top);
    figures.insert("arithmetic".to_owned(), Value::Object(rest));
    Ok(())
}

fn rows(measured: &Value) -> Result<Vec<Row>> {
    let row = |what: &str, path: &str, scale: f64, aim: Option<Aim>| -> Result<Row> {
        Ok(Row { what: what.to_owned(), value: number(measured, path)? * scale, aim })
    };
    let mut rows = vec![
        row("encoding speed relative to memcpy", "encode_vs_memcpy", 1.0, Some(Aim::AtLeast(0.6)))?,
        row(
            "decode and add, million values per second",
            "decode_add_per_s",
            1e-6,
            Some(Aim::AtLeast(200.0)),
        )?,
    ];
    for density in DENSITIES {
        let what = format!("size relative to entropy at density {density}");
        rows.push(row(&what, &format!("bits_vs_entropy/{density}"), 1.0, Some(Aim::AtMost(1.05)))?);
    }
    rows.extend([
        row("encode at 0.1 %, ms", "detail/encode_ms/0.001", 1.0, None)?,
        row("memcpy of as many values, ms", "detail/memcpy_ms/0.001", 1.0, None)?,
        row("decode and apply at 0.1 %, ms", "detail/apply_ms/0.001", 1.0, None)?,
        row("sum of 4 workers at 0.1 %, exact, ms", "sum_of_4/round_ms", 1.0, None)?,
        row("the same re-thresholded, ms", "sum_of_4/rethresholded_round_ms", 1.0, None)?,
        row("dense mean, million values added per second", "dense/add_per_s", 1e-6, None)?,
        row("digest, million values per second", "dense/digest_per_s", 1e-6, None)?,
    ]);
    Ok(rows)
}

fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.what.chars().count()).max().unwrap_or(0);
    let line = |Row { what, value, aim }: &Row| {
        let aim = match aim {
            None => String::new(),
            Some(Aim::AtLeast(least)) => verdict("at least", *least, value >= least),
            Some(Aim::AtMost(most)) => verdict("at most", *most, value <= most),
        };
        format!("{what:width$}  {:>9}  {aim}", format!("{value:.3}")).trim_end().to_owned() + "\n"
    };
    format!("The arithmetic of the exchange, one core\n\n{}", rows.iter().map(line).collect::<String>())
}

fn verdict(bound: &str, aim: f64, reached: bool) -> String {
    format!("{bound} {aim}: {}", if reached { "reached" } else { "MISSED" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_which_targets_are_reached() {
        let row = |value, aim| Row { what: "speed".to_owned(), value, aim };
        let rows = [row(0.7, Some(Aim::AtLeast(0.6))), row(1.06, Some(Aim::AtMost(1.05))), row(3.0, None)];
        let table = table(&rows);
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(lines[0], "speed      0.700  at least 0.6: reached");
        assert_eq!(lines[1], "speed      1.060  at most 1.05: MISSED");
        assert_eq!(lines[2], "speed      3.000");
    }
}
