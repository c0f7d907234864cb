//! The report's tables as HTML.

use super::{ReportData, Role, Row};
use crate::Spread;
use crate::format::{Text, count, decimal, duration, three_digits};
use std::fmt::Write;

/// Returns a cell's text; an en dash if there is none.
pub(super) fn cell(text: Option<String>) -> String {
    match text {
        Some(text) => format!("<td>{}</td>", Text(&text)),
        None => "<td class=\"none\">–</td>".to_owned(),
    }
}

pub(super) fn rate(spread: Option<Spread>) -> String {
    let Some(spread) = spread else { return cell(None) };
    let deviation =
        spread.deviation.map(|d| format!("<small>± {}</small>", decimal(d, 1))).unwrap_or_default();
    format!("<td>{}{deviation}</td>", decimal(spread.mean, 1))
}

/// Opens a table with a caption and one head cell for each column.
pub(super) fn open(out: &mut String, caption: &str, columns: &[&str]) {
    let _ = write!(
        out,
        "<div class=\"scroll\" role=\"region\" aria-label=\"{0}\" tabindex=\"0\"><table><caption>{0}</caption><thead><tr>",
        Text(caption)
    );
    for column in columns {
        let _ = write!(out, "<th scope=\"col\">{}</th>", Text(column));
    }
    out.push_str("</tr></thead><tbody>");
}

pub(super) fn close(out: &mut String) {
    out.push_str("</tbody></table></div>");
}

pub(super) fn system(data: &ReportData, row: &Row, about: &str) -> String {
    let about = if about.is_empty() { String::new() } else { format!("<small>{}</small>", Text(about)) };
    let class = data.palette(&row.name).class();
    format!(
        "<th scope=\"row\"><span class=\"key {class}\" aria-hidden=\"true\"></span>{}{about}</th>",
        Text(&row.name)
    )
}

/// Returns a system's errors relative to those of the one trained on annotated audio alone; `None` for that one itself.
pub(super) fn change(data: &ReportData, row: &Row, of: fn(&Row) -> Option<Spread>) -> Option<String> {
    let baseline = data.rows.iter().find(|r| r.role == Role::AnnotatedOnly).and_then(of)?;
    let own = of(row).filter(|_| row.role != Role::AnnotatedOnly)?;
    let percent = 100.0 * (own.mean / baseline.mean - 1.0);
    Some(format!("{}{} %", if percent > 0.0 { "+" } else { "" }, decimal(percent, 1)))
}

/// Returns the table of error rates, with each student's change from the one trained on annotated audio alone.
pub(super) fn errors(data: &ReportData) -> String {
    let mut out = String::new();
    let seeds = data.rows.iter().map(|r| r.runs.len()).max().unwrap_or(0);
    let over = if seeds > 1 {
        format!(" Means over {seeds} seeds, ± one standard deviation.")
    } else {
        String::new()
    };
    let words = data.rows.iter().any(|r| r.wer().is_some());
    let caption = format!(
        "Error rates on the test set, percent: all frames, speech frames, phones{}. Change: {} errors relative to annotated \
         audio alone.{over}",
        if words { ", words" } else { "" },
        if words { "frame and word" } else { "frame" },
    );
    let mut columns = vec!["System", "Frames", "Speech", "Phones"];
    columns.extend(if words { &["Words", "Change, frames", "Change, words"][..] } else { &["Change"] });
    open(&mut out, &caption, &columns);
    for row in &data.rows {
        let [word_rate, word_change] = match words {
            true => [rate(row.wer()), cell(change(data, row, Row::wer))],
            false => [String::new(), String::new()],
        };
        let _ = write!(
            out,
            "<tr>{}{}{}{}{word_rate}{}{word_change}</tr>",
            system(data, row, &row.description),
            rate(row.fer()),
            rate(row.fer_speech()),
            rate(row.per()),
            cell(change(data, row, Row::fer)),
        );
    }
    close(&mut out);
    out
}

/// Returns the table of phone errors by kind, if any system was decoded.
pub(super) fn phone_errors(data: &ReportData) -> Option<String> {
    let decoded: Vec<_> = data.rows.iter().filter_map(|r| Some((r, r.phone_errors?))).collect();
    let (_, first) = decoded.first()?;
    let mut out = String::new();
    let caption =
        format!("Phone errors by kind, percent of {} reference phones.", decimal(first.reference as f64, 0));
    open(&mut out, &caption, &["System", "Substituted", "Inserted", "Deleted"]);
    for (row, errors) in decoded {
        let share =
            |n: u64| (errors.reference > 0).then(|| decimal(100.0 * n as f64 / errors.reference as f64, 1));
        let kinds =
            [errors.substitutions, errors.insertions, errors.deletions].map(|n| cell(share(n))).concat();
        let _ = write!(out, "<tr>{}{kinds}</tr>", system(data, row, ""));
    }
    close(&mut out);
    Some(out)
}

/// Returns the table of differences with their intervals.
pub(super) fn comparisons(data: &ReportData) -> Option<String> {
    let first = data.comparisons.first()?;
    let mut out = String::new();
    let seeds = match first.difference.seeds {
        1 => "; the interval does not include the spread of seeds".to_owned(),
        n => format!(" and {n} seeds, drawn together, so that the interval includes the spread of both"),
    };
    let caption = format!(
        "Differences in points; negative is better. Paired bootstrap over {} groups of the test set{seeds}.",
        first.difference.pieces
    );
    open(&mut out, &caption, &["Comparison", "Difference", "95 % interval", "Relative", "p"]);
    for comparison in &data.comparisons {
        let d = comparison.difference;
        let p = if d.p_value < 0.001 { "< 0.001".to_owned() } else { decimal(d.p_value, 3) };
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{} against {}<small>{}</small></th>{}{}{}{}</tr>",
            Text(&comparison.system),
            Text(&comparison.baseline),
            Text(comparison.measure.name()),
            cell(Some(decimal(d.points, 1))),
            cell(Some(format!("{} to {}", decimal(d.low, 1), decimal(d.high, 1)))),
            cell((d.baseline > 0.0).then(|| format!("{} %", decimal(100.0 * d.points / d.baseline, 1)))),
            cell(Some(p))
        );
    }
    close(&mut out);
    Some(out)
}

/// Returns the table of each system's cost. Columns without any value are left out.
pub(super) fn costs(data: &ReportData) -> String {
    type Column = (&'static str, fn(&Row) -> Option<String>);
    let all: [Column; 6] = [
        ("Parameters", |row| row.parameters.map(count)),
        ("Frames trained", |row| row.frames.map(count)),
        ("Training time", |row| row.seconds.map(|s| duration(s).to_string())),
        ("Bytes a frame", |row| row.bytes_per_frame.map(three_digits)),
        ("Values sent, %", |row| row.density.map(|share| three_digits(100.0 * share))),
        ("Audio labeled, h/s", |row| row.hours_per_second.map(three_digits)),
    ];
    let known: Vec<Column> =
        all.into_iter().filter(|(_, of)| data.rows.iter().any(|row| of(row).is_some())).collect();
    let titles: Vec<&str> = std::iter::once("System").chain(known.iter().map(|(title, _)| *title)).collect();
    let mut out = String::new();
    open(&mut out, "Cost of each system.", &titles);
    for row in &data.rows {
        let cells: String = known.iter().map(|(_, of)| cell(of(row))).collect();
        let _ = write!(out, "<tr>{}{cells}</tr>", system(data, row, ""));
    }
    close(&mut out);
    out
}

/// Returns a list of names and values.
pub(super) fn facts<'a>(title: &str, facts: impl IntoIterator<Item = (&'a str, String)>) -> Option<String> {
    let mut rows = String::new();
    for (name, value) in facts {
        let _ = write!(rows, "<div><dt>{}</dt><dd>{}</dd></div>", Text(name), Text(&value));
    }
    (!rows.is_empty()).then(|| format!("<div class=\"facts\"><h3>{}</h3><dl>{rows}</dl></div>", Text(title)))
}
