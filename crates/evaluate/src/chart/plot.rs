//! Axes and lines of one chart.

use super::Scale;
use crate::format::Text;
use std::fmt::Write;

/// One axis.
#[derive(Debug)]
pub(crate) struct Axis {
    pub(crate) scale: Scale,
    /// Values and their names.
    pub(crate) ticks: Vec<(f64, String)>,
}

/// The area of a chart between its axes.
#[derive(Debug)]
pub(crate) struct Plot {
    pub(crate) across: Axis,
    pub(crate) up: Axis,
    /// Left, right, top and bottom.
    pub(crate) area: (f64, f64, f64, f64),
}

// Writing to a string cannot fail.
impl Plot {
    /// Draws both axes; `across` is the label of the horizontal one.
    pub(crate) fn axes(&self, out: &mut String, across: &str) {
        let (left, right, _, bottom) = self.area;
        for (tick, name) in &self.up.ticks {
            let at = self.up.scale.at(*tick);
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>",
                left - 7.0,
                at + 4.0,
            );
        }
        let _ = write!(
            out,
            "<line class=\"axis\" x1=\"{left}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>"
        );
        for (tick, name) in &self.across.ticks {
            let _ = write!(
                out,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{name}</text>",
                self.across.scale.at(*tick),
                bottom + 17.0,
            );
        }
        let _ = write!(
            out,
            "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            f64::midpoint(left, right),
            bottom + 34.0,
            Text(across),
        );
    }

    /// Draws a line; where `mark` is given, every point is marked and says in words what it is.
    pub(crate) fn line(
        &self,
        out: &mut String,
        class: &str,
        points: &[(f64, f64)],
        mark: Option<&dyn Fn((f64, f64)) -> String>,
    ) {
        let place = |&(x, y): &(f64, f64)| (self.across.scale.at(x), self.up.scale.at(y));
        let mut path = String::new();
        for (n, (x, y)) in points.iter().map(place).enumerate() {
            let _ = write!(path, "{}{x:.1} {y:.1}", if n == 0 { "M" } else { "L" });
        }
        let _ = write!(out, "<g class=\"line {class}\"><path d=\"{path}\"/>");
        for (point, mark) in points.iter().filter_map(|point| Some((point, mark?))) {
            let (x, y) = place(point);
            let _ = write!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.4\"><title>{}</title></circle>",
                Text(&mark(*point))
            );
        }
        out.push_str("</g>");
    }
}
