//! The forecasts as text.

use std::fmt::Write;
use stentor_forecast::{Forecast, Reducers, Scenario};

const HEAD: [&str; 10] =
    ["strategy", "summed", "compute", "encode", "up", "sum", "down", "apply", "batch ms", "MB up+down"];

/// Renders a table, followed by the advice.
pub(super) fn render(scenario: &Scenario, forecasts: &[Forecast], words: &[String]) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    for f in forecasts {
        let summed = match f.reducers {
            Reducers::Coordinator => "coordinator",
            Reducers::EachWorker => "workers' hosts",
        };
        let ms = |seconds: f64| format!("{:.1}", seconds * 1e3);
        rows.push([
            f.method.name().to_owned(),
            summed.to_owned(),
            ms(f.compute_s),
            ms(f.encode_s),
            ms(f.up_s),
            ms(f.reduce_s),
            ms(f.down_s),
            ms(f.apply_s),
            ms(f.total_s),
            format!("{:.3}", (f.bytes_up + f.bytes_down) / 1e6),
        ]);
    }
    let widths: Vec<usize> =
        (0..HEAD.len()).map(|c| rows.iter().map(|row| row[c].chars().count()).max().unwrap_or(0)).collect();
    let mut out = format!(
        "A batch of {} values on {} workers, milliseconds; a block's exchange is divided among its {} batches\n\n",
        scenario.parameters, scenario.workers, scenario.block
    );
    for row in &rows {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Writing to a String cannot fail. Names are left-aligned, numbers right-aligned.
            let _ = if column < 2 { write!(out, "{cell:width$}  ") } else { write!(out, "{cell:>width$}  ") };
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out.push('\n');
    for sentence in words {
        out.push_str(sentence);
        out.push('\n');
    }
    out
}
