//! The gain of block momentum in the steady state, with the real plan, state machine and filter:
//! `crates/simulation/examples/gain.rs`, as a table.

use super::figures::{Figures, number};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use stentor_tasks::process;

/// Runs the example, which is built with the settings of the tests, like the simulation.
pub(super) fn run(programs: &Path) -> Result<Figures> {
    let said = process::output(&mut Command::new(programs.join("examples/gain")))?;
    let figures = serde_json::from_str(&said).context("the example `gain` did not print JSON")?;
    print!("{}", table(&figures)?);
    let Value::Object(figures) = figures else { bail!("the figures are not a JSON object") };
    Ok(figures)
}

/// A Markdown table: a row for each number of workers, block and interleaving, a column for each share.
fn table(figures: &Value) -> Result<String> {
    let cases = figures.get("cases").and_then(Value::as_array).context("the figures have no `cases`")?;
    let mut out = "| workers | block | interleave | annotated % | gain | batches per exchange |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for case in cases {
        let interleave = case.get("interleave").and_then(Value::as_str);
        out += &format!(
            "| {} | {} | {} | {:.0} | {:.2} | {:.2} |\n",
            number(case, "workers")?,
            number(case, "block")?,
            interleave.context("a case has no `interleave`")?,
            100.0 * number(case, "annotated_share")?,
            number(case, "gain")?,
            number(case, "batches_per_exchange")?,
        );
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_table_has_a_row_for_each_case_and_names_what_is_missing() {
        let case = json!({"interleave": "batch", "workers": 4, "annotated_share": 0.05, "block": 50, "gain": 3.99,
            "batches_per_exchange": 50.0});
        let shown = table(&json!({"cases": [case]})).unwrap();
        assert!(shown.ends_with("| 4 | 50 | batch | 5 | 3.99 | 50.00 |\n"), "{shown}");
        let error = table(&json!({"cases": [{"workers": 4}]})).unwrap_err().to_string();
        assert!(error.contains("block"), "{error}");
    }
}
