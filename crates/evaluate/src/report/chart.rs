//! Learning curves as SVG: one panel for each kind of curve, with lines labeled at their ends in place of a legend.

use super::labels::spread;
use super::{Curve, CurveKind, Palette, ReportData};
use crate::chart::{Axis, Plot, Scale};
use crate::format::{Text, count, decimal};
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
    let (plot, across) = plot(&lines, seen);
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
    plot.axes(&mut out, across);
    let _ = write!(out, "<g clip-path=\"url(#p{number})\">");
    lines.iter().for_each(|line| draw(&mut out, line, &plot, *kind == CurveKind::DevFrameError));
    out.push_str("</g>");
    labels(&mut out, &lines, &plot);
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

/// A plot for these lines, and the label of its horizontal axis, which ends at `seen` frames.
fn plot(lines: &[Line], seen: f64) -> (Plot, &'static str) {
    let (left, right, top, bottom) = PLOT;
    let up = Scale::linear(range(lines), (bottom, top));
    let decimals = up.decimals(6);
    let heights = up.ticks(6).into_iter().map(|tick| (tick, decimal(tick, decimals))).collect();
    let (unit, across) =
        if seen >= 1e6 { (1e6, "million frames trained on") } else { (1e3, "thousand frames trained on") };
    let scaled = Scale::linear((0.0, seen / unit), (left, right));
    let decimals = scaled.decimals(4);
    let frames = scaled.ticks(4).into_iter().map(|tick| (tick * unit, decimal(tick, decimals))).collect();
    let across_axis = Axis { scale: Scale::linear((0.0, seen), (left, right)), ticks: frames };
    (Plot { across: across_axis, up: Axis { scale: up, ticks: heights }, area: PLOT }, across)
}

fn draw(out: &mut String, line: &Line, plot: &Plot, markers: bool) {
    let more = if line.first_of_system { "" } else { " seed" };
    let class = format!("{}{more}", line.palette.class());
    let mark = |(frames, value): (f64, f64)| {
        format!("{}: {} % after {} frames", line.system, decimal(value, 1), count(frames as u64))
    };
    let mark: Option<&dyn Fn((f64, f64)) -> String> =
        if markers && line.points.len() <= 40 { Some(&mark) } else { None };
    plot.line(out, &class, &line.points, mark);
}

/// Draws the systems' names at the ends of their lines, moved apart if they would touch.
fn labels(out: &mut String, lines: &[Line], plot: &Plot) {
    let (x, y) = (plot.across.scale, plot.up.scale);
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
