//! Learning curves as SVG: one panel for each kind of curve, with lines labeled at their ends in place of a legend.

use super::axis::{Scale, spread};
use super::format::{Text, count, decimal};
use super::{Curve, CurveKind, Palette, ReportData};
use std::fmt::Write;

/// Size of the drawing. Three panels fit side by side on a desktop screen and one fills a phone's; the text is readable
/// on both.
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 272.0;
const PLOT: (f64, f64, f64, f64) = (36.0, 266.0, 12.0, 234.0);

/// Maximum number of points of a line; longer curves are averaged in equal stretches.
const POINTS: usize = 90;

/// Share of a curve at its beginning that may lie outside the panel: the loss falls so steeply there that the rest
/// would look flat.
const STEEP: f64 = 0.12;

/// Maximum length of a name beside a line.
const LABEL: usize = 14;

struct Line<'a> {
    system: &'a str,
    palette: Palette,
    first_of_system: bool,
    points: Vec<(f64, f64)>,
}

/// Returns the panels for all curves of the report, the dev panel first.
pub(super) fn panels(data: &ReportData) -> Vec<String> {
    let mut kinds: Vec<&CurveKind> = Vec::new();
    for curve in &data.curves {
        if !kinds.contains(&&curve.kind) {
            kinds.push(&curve.kind);
        }
    }
    kinds.sort_by_key(|kind| **kind != CurveKind::DevFrameError);
    kinds.iter().enumerate().filter_map(|(number, kind)| panel(data, kind, number)).collect()
}

fn panel(data: &ReportData, kind: &CurveKind, number: usize) -> Option<String> {
    let lines = lines(data, kind);
    let seen = lines.iter().filter_map(|l| l.points.last()).map(|p| p.0).fold(0.0, f64::max);
    if lines.is_empty() || seen <= 0.0 {
        return None;
    }
    let (left, right, top, bottom) = PLOT;
    let x = Scale::new((0.0, seen), (left, right));
    let y = Scale::new(range(&lines), (bottom, top));
    let (title, unit) = match kind {
        CurveKind::DevFrameError => ("Frame error rate on dev".to_owned(), "percent"),
        CurveKind::TrainingLoss(source) => (format!("Training loss, {source} audio"), "nats a frame"),
    };
    let mut out = String::new();
    let _ = write!(
        out,
        "<figure class=\"panel\"><figcaption>{}<span class=\"unit\">{unit}</span></figcaption>\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"t{number} d{number}\">\
         <title id=\"t{number}\">{}</title><desc id=\"d{number}\">{}</desc>\
         <clipPath id=\"p{number}\"><rect x=\"{left}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath>",
        Text(&title),
        Text(&title),
        Text(&describe(&lines)),
        top - 4.0,
        right - left + 4.0,
        bottom - top + 8.0,
    );
    axes(&mut out, x, y, seen);
    let _ = write!(out, "<g clip-path=\"url(#p{number})\">");
    lines.iter().for_each(|line| draw(&mut out, line, x, y, *kind == CurveKind::DevFrameError));
    out.push_str("</g>");
    labels(&mut out, &lines, x, y);
    out.push_str("</svg></figure>");
    Some(out)
}

fn lines<'a>(data: &'a ReportData, kind: &CurveKind) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    for curve in data.curves.iter().filter(|c| c.kind == *kind) {
        let points = thin(curve);
        if points.is_empty() {
            continue;
        }
        let first_of_system = lines.iter().all(|l| l.system != curve.system);
        lines.push(Line {
            system: &curve.system,
            palette: data.palette(&curve.system),
            first_of_system,
            points,
        });
    }
    lines
}

fn thin(curve: &Curve) -> Vec<(f64, f64)> {
    let finite: Vec<(f64, f64)> =
        curve.points.iter().copied().filter(|p| p.0.is_finite() && p.1.is_finite() && p.0 >= 0.0).collect();
    let mean = |part: &[(f64, f64)]| {
        let n = part.len() as f64;
        (part.iter().map(|p| p.0).sum::<f64>() / n, part.iter().map(|p| p.1).sum::<f64>() / n)
    };
    finite.chunks(finite.len().div_ceil(POINTS).max(1)).map(mean).collect()
}

/// Returns the range of the panel, a little wider than the curves without their steep beginnings.
fn range(lines: &[Line]) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for line in lines {
        let end = line.points.last().map_or(0.0, |p| p.0);
        let steep = line.points.iter().take_while(|p| p.0 < STEEP * end).count();
        for &(_, value) in &line.points[steep.min(line.points.len() / 3)..] {
            (low, high) = (low.min(value), high.max(value));
        }
    }
    let margin = 0.06 * (high - low);
    (low - margin, high + margin)
}

fn axes(out: &mut String, x: Scale, y: Scale, seen: f64) {
    let (left, right, _, bottom) = PLOT;
    let decimals = y.decimals(6);
    for tick in y.ticks(6) {
        let at = y.at(tick);
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 7.0,
            at + 4.0,
            decimal(tick, decimals)
        );
    }
    let (unit, name) = if seen >= 1e6 { (1e6, "million frames") } else { (1e3, "thousand frames") };
    let scaled = Scale::new((0.0, seen / unit), (left, right));
    let _ =
        write!(out, "<line class=\"axis\" x1=\"{left}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>");
    for tick in scaled.ticks(4) {
        let _ = write!(
            out,
            "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            x.at(tick * unit),
            bottom + 17.0,
            decimal(tick, scaled.decimals(4))
        );
    }
    let _ = write!(
        out,
        "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{name} trained on</text>",
        f64::midpoint(left, right),
        bottom + 34.0
    );
}

fn draw(out: &mut String, line: &Line, x: Scale, y: Scale, markers: bool) {
    let mut path = String::new();
    for (n, &(frames, value)) in line.points.iter().enumerate() {
        let _ = write!(path, "{}{:.1} {:.1}", if n == 0 { "M" } else { "L" }, x.at(frames), y.at(value));
    }
    let class = line.palette.class();
    let more = if line.first_of_system { "" } else { " seed" };
    let _ = write!(out, "<g class=\"line {class}{more}\"><path d=\"{path}\"/>");
    if markers && line.points.len() <= 40 {
        for &(frames, value) in &line.points {
            let _ = write!(
                out,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.4\"><title>{}: {} % after {} frames</title></circle>",
                x.at(frames),
                y.at(value),
                Text(line.system),
                decimal(value, 1),
                count(frames as u64)
            );
        }
    }
    out.push_str("</g>");
}

/// Draws the systems' names at the ends of their lines, moved apart if they would touch.
fn labels(out: &mut String, lines: &[Line], x: Scale, y: Scale) {
    let named: Vec<(&Line, (f64, f64))> =
        lines.iter().filter(|l| l.first_of_system).filter_map(|l| Some((l, *l.points.last()?))).collect();
    let ends: Vec<f64> = named.iter().map(|(_, end)| y.at(end.1).clamp(PLOT.2, PLOT.3)).collect();
    for ((line, end), at) in named.iter().zip(spread(&ends, 14.0, (PLOT.2, PLOT.3))) {
        let (from, end_y) = (x.at(end.0), y.at(end.1).clamp(PLOT.2, PLOT.3));
        let class = line.palette.class();
        // A leader connects a name with its line if they are apart: the line ended early, or another name was in the
        // way.
        if PLOT.1 - from > 4.0 || (at - end_y).abs() > 5.0 {
            let _ = write!(
                out,
                "<path class=\"leader {class}\" d=\"M{:.1} {end_y:.1}L{:.1} {at:.1}\"/>",
                from + 3.0,
                PLOT.1 + 8.0
            );
        }
        let _ = write!(
            out,
            "<text class=\"name {class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            PLOT.1 + 11.0,
            at + 4.0,
            Text(&shortened(line.system))
        );
    }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LABEL {
        return name.to_owned();
    }
    name.chars().take(LABEL - 1).chain(['…']).collect()
}

/// Returns a description of the panel in words, for screen readers.
fn describe(lines: &[Line]) -> String {
    let mut words = String::new();
    for line in lines {
        if let (Some(first), Some(last)) = (line.points.first(), line.points.last()) {
            let _ = write!(
                words,
                "{}: from {} after {} frames to {} after {} frames. ",
                line.system,
                decimal(first.1, 2),
                count(first.0 as u64),
                decimal(last.1, 2),
                count(last.0 as u64)
            );
        }
    }
    words
}
