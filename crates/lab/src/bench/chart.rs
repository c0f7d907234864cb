//! Line charts side by side, as SVG; both axes are logarithmic, or both are linear.

use std::fmt::Write;

/// A chart.
pub(super) struct Panel {
    pub(super) title: &'static str,
    /// Label of the vertical axis, with its unit.
    pub(super) axis: &'static str,
    pub(super) lines: Vec<Line>,
}

/// A line's points, from left to right. A line without points is not drawn, but keeps its color: so a name can have
/// the same color in all panels.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 40.0;
/// Maximum number of panels in a row; with more they would be too small to read.
const IN_A_ROW: usize = 3;
/// Height of an entry of the legend.
const LEGEND: f64 = 16.0;
/// Colors that people with red-green color blindness can distinguish, too (Okabe & Ito).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// Kind of both axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axes {
    Logarithmic,
    Linear,
}

/// Draws the panels in rows, each with its legend below; `across` is the label of all horizontal axes. Both axes are
/// logarithmic, every point is marked, and every panel has its own scale.
pub(super) fn svg(panels: &[Panel], across: &str) -> String {
    drawn(panels, across, Axes::Logarithmic)
}

/// Like [`svg`], for curves of many points: both axes are linear, with one scale for all panels.
pub(super) fn curves(panels: &[Panel], across: &str) -> String {
    drawn(panels, across, Axes::Linear)
}

fn drawn(panels: &[Panel], across: &str, axes: Axes) -> String {
    let legend = panels.iter().map(|panel| panel.shown().count()).max().unwrap_or(0) as f64 * LEGEND;
    let rows = panels.len().div_ceil(IN_A_ROW).max(1);
    let columns = panels.len().div_ceil(rows);
    let row_height = HEIGHT + legend + 10.0;
    let (width, height) = (WIDTH * columns as f64, row_height * rows as f64);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (number, panel) in panels.iter().enumerate() {
        // Writing to a String cannot fail.
        let (x, y) = ((number % columns) as f64 * WIDTH, (number / columns) as f64 * row_height);
        let _ = writeln!(out, "<g transform=\"translate({x} {y})\">");
        let scaled = if axes == Axes::Linear { panels } else { std::slice::from_ref(panel) };
        draw(&mut out, panel, scaled, across, axes);
        out.push_str("</g>\n");
    }
    out + "</svg>\n"
}

impl Panel {
    /// The lines with points, each with its color.
    fn shown(&self) -> impl Iterator<Item = (&Line, &'static str)> {
        self.lines.iter().zip(COLOURS.into_iter().cycle()).filter(|(line, _)| !line.points.is_empty())
    }
}

/// Maps values to positions along one axis.
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    axes: Axes,
}

impl Scale {
    /// A scale for all `values`, with a margin around them.
    fn new(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64, axes: Axes) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = match axes {
            Axes::Logarithmic => {
                let (low, high) = if low.is_finite() && low > 0.0 { (low, high) } else { (0.1, 1.0) };
                let margin = (high / low).powf(0.06).max(1.05);
                (low / margin, high * margin)
            }
            Axes::Linear => {
                let (low, high) = if low < high { (low, high) } else { (0.0, 1.0) };
                let margin = (high - low) * 0.04;
                (low - margin, high + margin)
            }
        };
        Self { low, high, from, to, axes }
    }

    fn place(&self, value: f64) -> f64 {
        let share = match self.axes {
            Axes::Logarithmic => (value / self.low).ln() / (self.high / self.low).ln(),
            Axes::Linear => (value - self.low) / (self.high - self.low),
        };
        self.from + share * (self.to - self.from)
    }

    /// Ticks with their labels. Logarithmic: 1, 2 and 5 times powers of ten within the scale, or only the powers if
    /// there are many. Linear: at most ten multiples of such a number.
    fn ticks(&self) -> Vec<(f64, String)> {
        match self.axes {
            Axes::Logarithmic => {
                let powers = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
                let of = |steps: &[f64]| -> Vec<f64> {
                    let all = powers.clone().flat_map(|p| steps.iter().map(move |s| s * 10f64.powi(p)));
                    all.filter(|tick| (self.low..=self.high).contains(tick)).collect()
                };
                let fine = of(&[1.0, 2.0, 5.0]);
                let chosen = if fine.len() > 8 { of(&[1.0]) } else { fine };
                chosen.into_iter().map(|tick| (tick, tick.to_string())).collect()
            }
            Axes::Linear => {
                let least = (self.high - self.low) / 10.0;
                let power = least.log10().floor();
                let ten = 10f64.powf(power);
                let step = [1.0, 2.0, 5.0, 10.0].map(|s| s * ten).into_iter().find(|s| *s >= least);
                let step = step.unwrap_or(10.0 * ten);
                let decimals = (-step.log10().floor()).max(0.0) as usize;
                let multiples = (self.low / step).ceil() as i64..=(self.high / step).floor() as i64;
                multiples.map(|n| n as f64 * step).map(|tick| (tick, format!("{tick:.decimals$}"))).collect()
            }
        }
    }
}

/// Draws a panel; its scales cover the points of all `scaled` panels.
fn draw(out: &mut String, panel: &Panel, scaled: &[Panel], across: &str, axes: Axes) {
    let points = || scaled.iter().flat_map(|panel| &panel.lines).flat_map(|line| line.points.iter().copied());
    let horizontal = Scale::new(points().map(|p| p.0), LEFT, WIDTH - RIGHT, axes);
    let vertical = Scale::new(points().map(|p| p.1), HEIGHT - BOTTOM, TOP, axes);
    let mut text = |x: f64, y: f64, anchor: &str, what: &str| {
        let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{what}</text>");
    };
    text(LEFT, 16.0, "start", &format!("<tspan font-weight=\"bold\">{}</tspan>", panel.title));
    text(LEFT, 28.0, "start", panel.axis);
    text((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8.0, "middle", across);
    for (tick, name) in vertical.ticks() {
        text(LEFT - 6.0, vertical.place(tick) + 4.0, "end", &name);
    }
    let columns = match axes {
        // There are few points, and each is a measurement.
        Axes::Logarithmic => {
            let mut columns: Vec<f64> = points().map(|p| p.0).collect();
            columns.sort_by(f64::total_cmp);
            columns.dedup();
            columns.into_iter().map(|column| (column, column.to_string())).collect()
        }
        Axes::Linear => horizontal.ticks(),
    };
    for (column, name) in &columns {
        text(horizontal.place(*column), HEIGHT - BOTTOM + 14.0, "middle", name);
    }
    for (tick, _) in vertical.ticks() {
        let y = vertical.place(tick);
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {y:.1}H{:.1}\" stroke=\"#dddddd\" fill=\"none\"/>",
            WIDTH - RIGHT
        );
    }
    for (number, (line, colour)) in panel.shown().enumerate() {
        let place = |&(x, y): &(f64, f64)| format!("{:.1} {:.1}", horizontal.place(x), vertical.place(y));
        let path: Vec<String> = line.points.iter().map(place).collect();
        let _ = writeln!(
            out,
            "<path d=\"M{}\" stroke=\"{colour}\" stroke-width=\"2\" fill=\"none\"/>",
            path.join("L")
        );
        for &(x, y) in line.points.iter().filter(|_| axes == Axes::Logarithmic) {
            let (x, y) = (horizontal.place(x), vertical.place(y));
            let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        let y = HEIGHT + 8.0 + number as f64 * LEGEND;
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {:.1}h18\" stroke=\"{colour}\" stroke-width=\"2\"/><text x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
            y - 4.0,
            LEFT + 24.0,
            line.name
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_drawn_with_its_name_and_larger_values_stand_higher() {
        let line = |name, points: &[(f64, f64)]| Line { name, points: points.to_vec() };
        let lines = vec![line("one", &[(16.0, 1.0), (64.0, 100.0)]), line("two", &[(16.0, 10.0)])];
        let drawn = svg(&[Panel { title: "gain", axis: "blocks", lines }], "workers");
        for word in ["one", "two", "gain", "blocks", "workers", ">64<", ">10<"] {
            assert!(drawn.contains(word), "{word} in {drawn}");
        }
        assert_eq!(drawn.matches("<circle").count(), 3);
        let scale = Scale::new([1.0, 100.0].into_iter(), 260.0, 34.0, Axes::Logarithmic);
        assert!(scale.place(100.0) < scale.place(10.0) && scale.place(10.0) < scale.place(1.0));
        let ticks: Vec<f64> = scale.ticks().into_iter().map(|tick| tick.0).collect();
        assert_eq!(ticks, [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
    }

    #[test]
    fn curves_share_a_linear_scale_and_a_missing_line_leaves_its_colour_free() {
        let line = |name, points: &[(f64, f64)]| Line { name, points: points.to_vec() };
        let full = vec![line("one", &[(0.0, 2.3), (400.0, 2.5)]), line("two", &[(0.0, 2.4)])];
        let sparse = vec![line("one", &[]), line("two", &[(400.0, 2.9)])];
        let panels = [full, sparse].map(|lines| Panel { title: "loss", axis: "nats", lines });
        let drawn = curves(&panels, "frames");
        assert_eq!(drawn.matches(">2.8<").count(), 2, "both panels reach to 2.9: {drawn}");
        assert_eq!((drawn.matches(">one<").count(), drawn.matches(">two<").count()), (1, 2));
        assert_eq!(drawn.matches(COLOURS[1]).count(), 4, "line and legend, in both panels");
        assert!(!drawn.contains("<circle"));
        let ticks = Scale::new([2.3, 2.9].into_iter(), 0.0, 1.0, Axes::Linear).ticks();
        let names: Vec<String> = ticks.into_iter().map(|tick| tick.1).collect();
        assert_eq!(names, ["2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "2.9"]);
    }
}
