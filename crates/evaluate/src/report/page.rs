//! The page: one HTML file without external resources.

use super::{ReportData, Row, bars, chart, findings, tables, words};
use crate::format::{Text, decimal, duration, three_digits};
use indicatif::DecimalBytes;
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");

/// Content security policy: nothing is fetched or run, whatever the data contain; sound comes from the page itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; media-src data:";

/// Returns the report as one self-contained HTML file without scripts.
#[must_use]
pub fn html(data: &ReportData) -> String {
    let mut out = String::with_capacity(64 * 1024);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{0}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header><p class=\"kicker\">Stentor · report</p><h1>{0}</h1><p class=\"lede\">{1}</p></header>\n<main>\n",
        Text(&data.title),
        Text(&data.subtitle)
    );
    for section in [
        summary(data),
        outcome(data),
        recognition(data),
        certainty(data),
        learning(data),
        cost(data),
        background(data),
        notes(data),
        settings(data),
    ] {
        out.push_str(&section.unwrap_or_default());
    }
    let _ = write!(
        out,
        "</main>\n<footer>Made by Stentor {}.</footer>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    );
    out
}

fn section(id: &str, title: &str, lead: &str, body: &str) -> Option<String> {
    let lead = if lead.is_empty() { String::new() } else { format!("<p class=\"lead\">{}</p>", Text(lead)) };
    (!body.is_empty()).then(|| {
        format!(
            "<section aria-labelledby=\"{id}\"><h2 id=\"{id}\">{}</h2>{lead}{body}</section>\n",
            Text(title)
        )
    })
}

fn summary(data: &ReportData) -> Option<String> {
    let mut items = String::new();
    for finding in findings(data) {
        let (value, caption) = (Text(&finding.value), Text(&finding.caption));
        let _ = write!(items, "<li><strong>{value}</strong> <span>{caption}</span></li>");
    }
    (!items.is_empty()).then(|| format!("<ul class=\"findings\" aria-label=\"Findings\">{items}</ul>\n"))
}

fn outcome(data: &ReportData) -> Option<String> {
    if data.rows.is_empty() {
        return None;
    }
    let mean = |row: &Row| row.fer().map(|f| f.mean);
    let chart =
        bars::bars(data, "Frame error rate on test", "percent", mean, |v| decimal(v, 1)).unwrap_or_default();
    let body = format!("<div class=\"split\">{}<div>{chart}</div></div>", tables::errors(data));
    section("errors", "Errors", "", &body)
}

fn recognition(data: &ReportData) -> Option<String> {
    section("words", "Words", "", &words::body(data)?)
}

fn certainty(data: &ReportData) -> Option<String> {
    let differences = tables::comparisons(data).unwrap_or_default();
    let kinds = tables::phone_errors(data).unwrap_or_default();
    let body = format!("<div class=\"pair\">{differences}{kinds}</div>");
    if differences.is_empty() && kinds.is_empty() {
        return None;
    }
    let title = if differences.is_empty() { "Kinds of error" } else { "Uncertainty" };
    section("sure", title, "", &body)
}

fn learning(data: &ReportData) -> Option<String> {
    let panels = chart::panels(data);
    if panels.is_empty() {
        return None;
    }
    let lead = "Plotted over committed frames, which do not depend on the number of workers. Axes do not begin at zero; the \
                steep beginning may lie outside the panel.";
    section("curves", "Learning curves", lead, &format!("<div class=\"panels\">{}</div>", panels.concat()))
}

fn cost(data: &ReportData) -> Option<String> {
    if data.rows.is_empty() {
        return None;
    }
    let caption = "Bytes sent and received by the workers";
    let traffic = bars::bars(data, caption, "for each frame trained on", |r| r.bytes_per_frame, three_digits);
    let body = match traffic {
        Some(chart) => format!("<div class=\"split\">{}<div>{chart}</div></div>", tables::costs(data)),
        None => tables::costs(data),
    };
    section("cost", "Cost", "", &body)
}

fn background(data: &ReportData) -> Option<String> {
    let corpus = tables::facts("Data", data.facts.iter().map(|f| (f.name.as_str(), f.value.clone())));
    let total: f64 = data.stages.iter().map(|s| s.seconds).sum();
    let stages = data.stages.iter().map(|s| (s.name.as_str(), duration(s.seconds).to_string()));
    let whole = (data.stages.len() > 1).then(|| ("together", duration(total).to_string()));
    let time = tables::facts("Time", stages.chain(whole));
    let memory =
        data.memory.iter().map(|m| (m.program.as_str(), DecimalBytes((m.peak_mb * 1e6) as u64).to_string()));
    let memory = tables::facts("Peak memory", memory);
    let body = [corpus, time, memory].into_iter().flatten().collect::<String>();
    (!body.is_empty())
        .then(|| section("data", "Data and machines", "", &format!("<div class=\"trio\">{body}</div>")))?
}

fn notes(data: &ReportData) -> Option<String> {
    let items: String = data.notes.iter().fold(String::new(), |mut items, note| {
        let _ = write!(items, "<li>{}</li>", Text(note));
        items
    });
    let body = if items.is_empty() { items } else { format!("<ul class=\"notes\">{items}</ul>") };
    section("notes", "Notes", "", &body)
}

fn settings(data: &ReportData) -> Option<String> {
    let mut body = String::new();
    for file in &data.settings {
        let _ = write!(
            body,
            "<details><summary>{}</summary><pre tabindex=\"0\"><code>{}</code></pre></details>",
            Text(&file.name),
            Text(&file.toml)
        );
    }
    section("settings", "Settings", "Each run's experiment file with every default written out.", &body)
}
