//! Bars that begin at zero, as an HTML list, so that they wrap, scale and are read by screen readers like text.

use super::{ReportData, Row};
use crate::format::Text;
use std::fmt::Write;

/// Returns a figure with one bar for each row that has a value; `None` with fewer than two.
pub(super) fn bars(
    data: &ReportData,
    caption: &str,
    unit: &str,
    value: impl Fn(&Row) -> Option<f64>,
    show: impl Fn(f64) -> String,
) -> Option<String> {
    let found: Vec<(&Row, f64)> = data
        .rows
        .iter()
        .filter_map(|r| Some((r, value(r)?)))
        .filter(|(_, v)| v.is_finite() && *v >= 0.0)
        .collect();
    let longest = found.iter().map(|(_, v)| *v).fold(0.0, f64::max);
    if found.len() < 2 || longest <= 0.0 {
        return None;
    }
    let mut out = format!(
        "<figure class=\"panel\"><figcaption>{}<span class=\"unit\">{}</span></figcaption><ul class=\"bars\">",
        Text(caption),
        Text(unit)
    );
    for (row, value) in found {
        let _ = write!(
            out,
            "<li><span class=\"who\">{}</span><span class=\"track\"><span class=\"bar {}\" style=\"width:{:.2}%\"></span>\
             <span class=\"much\">{}</span></span></li>",
            Text(&row.name),
            data.palette(&row.name).class(),
            100.0 * value / longest,
            Text(&show(value))
        );
    }
    out.push_str("</ul></figure>");
    Some(out)
}
