//! Line charts side by side, as SVG: both axes logarithmic.

use std::fmt::Write;

/// One chart.
pub(super) struct Panel {
    pub(super) title: &'static str,
    /// What the vertical axis shows, with its unit.
    pub(super) axis: &'static str,
    pub(super) lines: Vec<Line>,
}

/// Points of a line, left to right.
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
/// Height of a line of the legend.
const LEGEND: f64 = 16.0;
/// Told apart also by those who do not see red and green apart (Okabe & Ito).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// The panels in a row, each with its legend below; `across` names the horizontal axis of all.
pub(super) fn svg(panels: &[Panel], across: &str) -> String {
    let legend = panels.iter().map(|panel| panel.lines.len()).max().unwrap_or(0) as f64 * LEGEND;
    let (width, height) = (WIDTH * panels.len() as f64, HEIGHT + legend + 10.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (number, panel) in panels.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "<g transform=\"translate({} 0)\">", number as f64 * WIDTH);
        draw(&mut out, panel, across);
        out.push_str("</g>\n");
    }
    out + "</svg>\n"
}

/// From values to places, along one axis.
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Over all `values`, with the round numbers around them as ends.
    fn new(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::MIN_POSITIVE, f64::max);
        let (low, high) = if low.is_finite() && low > 0.0 { (low, high) } else { (0.1, 1.0) };
        let margin = (high / low).powf(0.06).max(1.05);
        Self { low: low / margin, high: high * margin, from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value / self.low).ln() / (self.high / self.low).ln();
        self.from + share * (self.to - self.from)
    }

    /// 1, 2 and 5 times powers of ten within the scale; of many, only the powers.
    fn ticks(&self) -> Vec<f64> {
        let powers = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let of = |steps: &[f64]| -> Vec<f64> {
            let all = powers.clone().flat_map(|p| steps.iter().map(move |s| s * 10f64.powi(p)));
            all.filter(|tick| (self.low..=self.high).contains(tick)).collect()
        };
        let fine = of(&[1.0, 2.0, 5.0]);
        if fine.len() > 8 { of(&[1.0]) } else { fine }
    }
}

fn draw(out: &mut String, panel: &Panel, across: &str) {
    let points = || panel.lines.iter().flat_map(|line| line.points.iter().copied());
    let horizontal = Scale::new(points().map(|p| p.0), LEFT, WIDTH - RIGHT);
    let vertical = Scale::new(points().map(|p| p.1), HEIGHT - BOTTOM, TOP);
    let mut text = |x: f64, y: f64, anchor: &str, what: &str| {
        let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{what}</text>");
    };
    text(LEFT, 16.0, "start", &format!("<tspan font-weight=\"bold\">{}</tspan>", panel.title));
    text(LEFT, 28.0, "start", panel.axis);
    text((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8.0, "middle", across);
    for tick in vertical.ticks() {
        text(LEFT - 6.0, vertical.place(tick) + 4.0, "end", &format!("{tick}"));
    }
    let mut columns: Vec<f64> = points().map(|p| p.0).collect();
    columns.sort_by(f64::total_cmp);
    columns.dedup();
    for &column in &columns {
        text(horizontal.place(column), HEIGHT - BOTTOM + 14.0, "middle", &format!("{column}"));
    }
    for tick in vertical.ticks() {
        let y = vertical.place(tick);
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {y:.1}H{:.1}\" stroke=\"#dddddd\" fill=\"none\"/>",
            WIDTH - RIGHT
        );
    }
    for (number, (line, colour)) in panel.lines.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let place = |&(x, y): &(f64, f64)| format!("{:.1} {:.1}", horizontal.place(x), vertical.place(y));
        let path: Vec<String> = line.points.iter().map(place).collect();
        let _ = writeln!(
            out,
            "<path d=\"M{}\" stroke=\"{colour}\" stroke-width=\"2\" fill=\"none\"/>",
            path.join("L")
        );
        for &(x, y) in &line.points {
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
        let scale = Scale::new([1.0, 100.0].into_iter(), 260.0, 34.0);
        assert!(scale.place(100.0) < scale.place(10.0) && scale.place(10.0) < scale.place(1.0));
        assert_eq!(scale.ticks(), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
    }
}
