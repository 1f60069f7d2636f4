//! Curves as SVG: one panel beside the other, both axes logarithmic.

use std::fmt::Write;

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 62.0;
const TOP: f64 = 40.0;
const INNER_WIDTH: f64 = WIDTH - LEFT - 16.0;
const INNER_HEIGHT: f64 = HEIGHT - TOP - 50.0;
/// Told apart by whoever sees fewer colours, too.
const COLOURS: [&str; 3] = ["#0072b2", "#d55e00", "#009e73"];

/// A curve with its name; the points in microseconds over sizes.
pub(super) struct Curve {
    pub(super) name: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// Curves over one axis.
pub(super) struct Panel {
    pub(super) title: &'static str,
    pub(super) axis: &'static str,
    pub(super) curves: Vec<Curve>,
}

/// A logarithmic axis of whole powers of ten.
struct Axis {
    from: i32,
    to: i32,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) =
            values.fold((f64::MAX, 1.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        let from = low.log10().floor() as i32;
        Self { from, to: (high.log10().ceil() as i32).max(from + 1) }
    }

    /// Where a value is, from 0 to 1.
    fn at(&self, value: f64) -> f64 {
        (value.log10() - f64::from(self.from)) / f64::from(self.to - self.from)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.from..=self.to).map(|power| 10_f64.powi(power))
    }
}

/// All panels as one picture.
pub(super) fn svg(panels: &[Panel]) -> String {
    let width = WIDTH * panels.len() as f64;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" font-family="sans-serif" font-size="11">
<rect width="{width}" height="{HEIGHT}" fill="#ffffff"/>
"##
    );
    for (number, panel) in panels.iter().enumerate() {
        let _ = writeln!(svg, r#"<g transform="translate({} 0)">"#, WIDTH * number as f64);
        panel.draw(&mut svg);
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

impl Panel {
    fn draw(&self, svg: &mut String) {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let across = Axis::over(points().map(|point| point.0));
        let up = Axis::over(points().map(|point| point.1));
        let x = |value: f64| LEFT + across.at(value) * INNER_WIDTH;
        let y = |value: f64| TOP + (1.0 - up.at(value)) * INNER_HEIGHT;
        let (right, bottom) = (LEFT + INNER_WIDTH, TOP + INNER_HEIGHT);
        let _ = writeln!(svg, r#"<text x="{LEFT}" y="16" font-weight="bold">{}</text>"#, self.title);
        let middle = LEFT + INNER_WIDTH / 2.0;
        let below = bottom + 34.0;
        let _ = writeln!(svg, r#"<text x="{middle}" y="{below}" text-anchor="middle">{}</text>"#, self.axis);
        for tick in across.ticks() {
            let (x, label) = (x(tick), in_words(tick, ["", "k", "M"]));
            let _ = writeln!(svg, r##"<path d="M{x:.1} {TOP}V{bottom}" stroke="#e0e0e0"/>"##);
            let under = bottom + 16.0;
            let _ = writeln!(svg, r#"<text x="{x:.1}" y="{under}" text-anchor="middle">{label}</text>"#);
        }
        for tick in up.ticks() {
            let (y, label) = (y(tick), in_words(tick, [" µs", " ms", " s"]));
            let _ = writeln!(svg, r##"<path d="M{LEFT} {y:.1}H{right}" stroke="#e0e0e0"/>"##);
            let (beside, y) = (LEFT - 6.0, y + 4.0);
            let _ = writeln!(svg, r#"<text x="{beside}" y="{y:.1}" text-anchor="end">{label}</text>"#);
        }
        for (number, (curve, colour)) in self.curves.iter().zip(COLOURS).enumerate() {
            let line: Vec<_> =
                curve.points.iter().map(|&(size, took)| format!("{:.1},{:.1}", x(size), y(took))).collect();
            let line = line.join(" ");
            let _ = writeln!(
                svg,
                r#"<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>"#
            );
            let (name, x) = (curve.name, LEFT + INNER_WIDTH * number as f64 / self.curves.len() as f64);
            let _ = writeln!(svg, r#"<text x="{x:.1}" y="32" fill="{colour}">{name}</text>"#);
        }
    }
}

/// A power of ten with the prefix of its thousand.
fn in_words(value: f64, units: [&str; 3]) -> String {
    let thousands = if value >= 1e6 { 2 } else { usize::from(value >= 1e3) };
    format!("{}{}", value / 1e3_f64.powi(thousands as i32), units[thousands])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_stay_within_their_panel() {
        let curve = Curve { name: "message", points: vec![(10.0, 55.0), (10_000.0, 4200.0)] };
        let svg = svg(&[Panel { title: "By length", axis: "events", curves: vec![curve] }]);
        assert!(svg.contains(r#"points="62.0,"#) && svg.contains("10 ms") && svg.contains("10k"), "{svg}");
        assert!(svg.ends_with("</g>\n</svg>\n"));
    }
}
