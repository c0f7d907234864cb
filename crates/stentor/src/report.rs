use crate::apart::Files;
use crate::in_file;
use anyhow::{Context, Result};
use clap::Parser;
use std::path::PathBuf;
use stentor_evaluate::ReportData;

/// Render the HTML page of a report's figures, as `cargo xtask demo` writes them to `report.json`, and print its table.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// The figures: the demo's `report.json`.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The HTML page to write.
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &Args) -> Result<()> {
    let Args { data, out } = arguments;
    Files::default().reads("--data", [data]).writes("--out", [out]).check_apart()?;
    let text = in_file::text(data, "a report's figures as JSON (--data)")?;
    let figures: ReportData = serde_json::from_str(&text).with_context(|| data.display().to_string())?;
    let figures = figures.compare_seeds();
    std::fs::write(&arguments.out, stentor_evaluate::report::html(&figures))
        .with_context(|| arguments.out.display().to_string())?;
    stentor_runtime::out!("{}", stentor_evaluate::report::terminal_table(&figures));
    stentor_runtime::outln!("{}", arguments.out.display());
    Ok(())
}
