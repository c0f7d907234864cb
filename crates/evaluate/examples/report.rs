//! Converts report data (JSON) to a page; used to develop the page itself.
//!
//! `cargo run -p stentor-evaluate --example report -- crates/evaluate/tests/sample.json report.html`

// Development tool: printing is its only output.
#![allow(clippy::print_stdout)]

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("expected two files: the data (JSON) and the page (HTML)".into());
    };
    let data: stentor_evaluate::report::ReportData = serde_json::from_str(&std::fs::read_to_string(input)?)?;
    std::fs::write(output, stentor_evaluate::report::html(&data))?;
    print!("{}", stentor_evaluate::report::terminal_table(&data));
    Ok(())
}
