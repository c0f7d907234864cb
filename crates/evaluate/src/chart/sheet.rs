//! Charts side by side in one file that needs nothing else, for documents.

use super::{Axis, Plot, Scale};
use crate::format::{Text, decimal};
use std::fmt::Write;

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Heading.
    pub title: &'static str,
    /// Label of the vertical axis, with its unit.
    pub axis: &'static str,
    /// In the order of the legend.
    pub lines: Vec<Line>,
}

/// A line's points, from left to right. A line without points is not drawn, but keeps its color: so a name can have
/// the same color in all panels.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Name in the legend.
    pub name: &'static str,
    /// Horizontal and vertical values.
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 300.0;
/// Left, right, top and bottom of the area between the axes.
const AREA: (f64, f64, f64, f64) = (56.0, 366.0, 34.0, 260.0);
/// Maximum number of panels in a row; with more they would be too small to read.
const IN_A_ROW: usize = 3;
/// Height of an entry of the legend.
const LEGEND: f64 = 16.0;
/// About as many ticks on a vertical axis, and on a linear horizontal one.
const TICKS: (usize, usize) = (8, 5);
/// Colors that people with red-green color blindness can distinguish, too (Okabe & Ito).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
const STYLE: &str = "text{font:11px sans-serif}.title{font-weight:bold}.grid{stroke:#ddd}.axis{stroke:#888}\
    .line path{fill:none;stroke:currentColor;stroke-width:2}.line circle{fill:currentColor}";

/// Kind of both axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axes {
    Logarithmic,
    Linear,
}

/// The panels in rows, each with its legend below; `across` is the label of all horizontal axes. Both axes are
/// logarithmic, every point is marked, and every panel has its own scale.
#[must_use]
pub fn measurements(panels: &[Panel], across: &str) -> String {
    drawn(panels, across, Axes::Logarithmic)
}

/// Like [`measurements`], for curves of many points: both axes are linear, with one scale for all panels.
#[must_use]
pub fn curves(panels: &[Panel], across: &str) -> String {
    drawn(panels, across, Axes::Linear)
}

fn drawn(panels: &[Panel], across: &str, axes: Axes) -> String {
    let legend = panels.iter().map(|panel| panel.shown().count()).max().unwrap_or(0) as f64 * LEGEND;
    let rows = panels.len().div_ceil(IN_A_ROW).max(1);
    let columns = panels.len().div_ceil(rows);
    let row_height = HEIGHT + legend + 10.0;
    let (width, height) = (WIDTH * columns as f64, row_height * rows as f64);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\">\n<style>{STYLE}"
    );
    // Writing to a string cannot fail.
    for (number, colour) in COLOURS.iter().enumerate() {
        let _ = write!(out, ".c{number}{{color:{colour}}}");
    }
    let _ = writeln!(out, "</style>\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>");
    for (number, panel) in panels.iter().enumerate() {
        let (x, y) = ((number % columns) as f64 * WIDTH, (number / columns) as f64 * row_height);
        let _ = writeln!(out, "<g transform=\"translate({x} {y})\">");
        let scaled = if axes == Axes::Linear { panels } else { std::slice::from_ref(panel) };
        draw(&mut out, panel, &plot(scaled, axes), across, axes);
        out.push_str("\n</g>\n");
    }
    out + "</svg>\n"
}

impl Panel {
    /// The lines with points, each with the number of its color.
    fn shown(&self) -> impl Iterator<Item = (&Line, usize)> {
        let numbered = self.lines.iter().enumerate().map(|(number, line)| (line, number % COLOURS.len()));
        numbered.filter(|(line, _)| !line.points.is_empty())
    }
}

/// A plot with scales that cover the points of all these panels.
fn plot(panels: &[Panel], axes: Axes) -> Plot {
    let points = || panels.iter().flat_map(|panel| &panel.lines).flat_map(|line| &line.points);
    let (left, right, top, bottom) = AREA;
    let across = scale(points().map(|point| point.0), (left, right), axes);
    let up = scale(points().map(|point| point.1), (bottom, top), axes);
    let names = |scale: &Scale, wanted: usize| -> Vec<(f64, String)> {
        let name = |tick: f64| match axes {
            Axes::Logarithmic => tick.to_string(),
            Axes::Linear => decimal(tick, scale.decimals(wanted)),
        };
        scale.ticks(wanted).into_iter().map(|tick| (tick, name(tick))).collect()
    };
    let columns = match axes {
        // There are few points, and each is a measurement.
        Axes::Logarithmic => {
            let mut columns: Vec<f64> = points().map(|point| point.0).collect();
            columns.sort_by(f64::total_cmp);
            columns.dedup();
            columns.into_iter().map(|column| (column, column.to_string())).collect()
        }
        Axes::Linear => names(&across, TICKS.1),
    };
    let ticks = names(&up, TICKS.0);
    Plot { across: Axis { scale: across, ticks: columns }, up: Axis { scale: up, ticks }, area: AREA }
}

/// A scale for all `values`, with a margin around them.
fn scale(values: impl Iterator<Item = f64> + Clone, drawing: (f64, f64), axes: Axes) -> Scale {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    match axes {
        Axes::Logarithmic => {
            let margin = (high / low).powf(0.06).max(1.05);
            Scale::logarithmic((low / margin, high * margin), drawing)
        }
        Axes::Linear => {
            let margin = (high - low) * 0.04;
            Scale::linear((low - margin, high + margin), drawing)
        }
    }
}

fn draw(out: &mut String, panel: &Panel, plot: &Plot, across: &str, axes: Axes) {
    let left = AREA.0;
    let _ = write!(
        out,
        "<text class=\"title\" x=\"{left}\" y=\"16\">{}</text><text x=\"{left}\" y=\"28\">{}</text>",
        Text(panel.title),
        Text(panel.axis)
    );
    plot.axes(out, across);
    for (number, (line, colour)) in panel.shown().enumerate() {
        let class = format!("c{colour}");
        let mark = |(x, y): (f64, f64)| format!("{}: {y} at {x}", line.name);
        let mark: Option<&dyn Fn((f64, f64)) -> String> =
            if axes == Axes::Logarithmic { Some(&mark) } else { None };
        plot.line(out, &class, &line.points, mark);
        let y = HEIGHT + 8.0 + number as f64 * LEGEND;
        let _ = write!(
            out,
            "<g class=\"line {class}\"><path d=\"M{left} {:.1}h18\"/></g><text x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
            y - 4.0,
            left + 24.0,
            Text(line.name)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &'static str, points: &[(f64, f64)]) -> Line {
        Line { name, points: points.to_vec() }
    }

    #[test]
    fn every_line_is_drawn_with_its_name_and_every_measurement_is_marked() {
        let lines = vec![line("one", &[(16.0, 1.0), (64.0, 100.0)]), line("a < b", &[(16.0, 10.0)])];
        let drawn = measurements(&[Panel { title: "gain", axis: "blocks", lines }], "workers");
        for word in [">one<", ">a &lt; b<", ">gain<", ">blocks<", ">workers<", ">64<", ">10<"] {
            assert!(drawn.contains(word), "{word} in {drawn}");
        }
        assert_eq!(drawn.matches("<circle").count(), 3);
    }

    #[test]
    fn curves_share_a_linear_scale_and_a_missing_line_leaves_its_colour_free() {
        let full = vec![line("one", &[(0.0, 2.3), (400.0, 2.5)]), line("two", &[(0.0, 2.4)])];
        let sparse = vec![line("one", &[]), line("two", &[(400.0, 2.9)])];
        let panels = [full, sparse].map(|lines| Panel { title: "loss", axis: "nats", lines });
        let drawn = curves(&panels, "frames");
        assert_eq!(drawn.matches(">2.8<").count(), 2, "both panels reach to 2.9: {drawn}");
        assert_eq!((drawn.matches(">one<").count(), drawn.matches(">two<").count()), (1, 2));
        assert_eq!(drawn.matches("\"line c1\"").count(), 4, "line and legend, in both panels");
        assert!(!drawn.contains("<circle"));
    }

    #[test]
    fn a_sheet_without_points_is_still_a_picture() {
        let panels = [Panel { title: "nothing", axis: "", lines: vec![line("none", &[])] }];
        for drawn in [measurements(&panels, "x"), curves(&panels, "x")] {
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
        }
    }
}
