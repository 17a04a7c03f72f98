//! Graphs over time as one SVG, readable in light and dark mode.

use std::collections::BTreeMap;
use std::fmt::Write;

const COLUMNS: usize = 3;
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 50.0;
const TOP: f64 = 30.0;
const PLOT_WIDTH: f64 = WIDTH - LEFT - 14.0;
const PLOT_HEIGHT: f64 = 120.0;
/// The height of the names of the faults above the graphs.
const HEAD: f64 = 26.0;
/// The mean width of a character of a legend.
const CHARACTER: f64 = 6.6;
const COLOURS: usize = 7;

const STYLE: &str = "\
svg{--paper:#fff;--ink:#1f2328;--quiet:#59636e;--line:#d1d9e0;--f0:#d1242f;--f1:#9a6700;--f2:#8250df;--s0:#0969da;--s1:#bc4c00;--s2:#1a7f37;--s3:#8250df;--s4:#bf3989;--s5:#9a6700;--s6:#59636e}\
@media(prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#e6edf3;--quiet:#9198a1;--line:#3d444d;--f0:#f85149;--f1:#d29922;--f2:#ab7df8;--s0:#4493f8;--s1:#f0883e;--s2:#3fb950;--s3:#ab7df8;--s4:#f778ba;--s5:#d29922;--s6:#9198a1}}\
text{font:11px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:var(--quiet)}\
.title{font-size:13px;font-weight:600;fill:var(--ink)}.end{text-anchor:end}.grid{stroke:var(--line);stroke-width:.5}\
polyline{fill:none;stroke-width:1.4;stroke-linejoin:round}.fault{opacity:.18}";

/// One graph: its lines are points of seconds since the begin, and values.
pub(crate) struct Graph {
    pub(crate) title: String,
    /// The unit of Grafana.
    pub(crate) unit: String,
    pub(crate) lines: Vec<(String, Vec<(f64, f64)>)>,
}

/// Leaves out what was zero all the time, which would only fill the legend.
pub(crate) fn without_zeros(lines: Vec<(String, Vec<(f64, f64)>)>) -> Vec<(String, Vec<(f64, f64)>)> {
    let is_something = |(_, points): &(String, Vec<(f64, f64)>)| points.iter().any(|(_, value)| *value > 0.0);
    lines.into_iter().filter(is_something).collect()
}

/// A time that is marked in all graphs.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

/// The name of a series: the template of the legend with the labels in it.
pub(crate) fn legend(template: &str, labels: &BTreeMap<String, String>) -> String {
    let name = labels
        .iter()
        .fold(template.to_owned(), |name, (label, value)| name.replace(&format!("{{{{{label}}}}}"), value));
    name.split("{{").next().unwrap_or_default().trim().to_owned()
}

pub(crate) fn picture(graphs: &[Graph], faults: &[Fault], seconds: f64) -> String {
    let (width, height) = (WIDTH * COLUMNS as f64, HEAD + HEIGHT * graphs.len().div_ceil(COLUMNS) as f64);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\"><title>The dashboard during a run with faults</title><style>{STYLE}</style>\
         <rect width=\"100%\" height=\"100%\" fill=\"var(--paper)\"/>"
    );
    let mut x = LEFT;
    for (number, fault) in faults.iter().enumerate() {
        let text = format!("{} ({:.0} to {:.0} s)", fault.name, fault.from, fault.to);
        write(
            &mut svg,
            format_args!(
                "<rect x=\"{x}\" y=\"8\" width=\"12\" height=\"12\" fill=\"var(--f{number})\" class=\"fault\"/>"
            ),
        );
        write(&mut svg, format_args!("<text x=\"{}\" y=\"18\">{text}</text>", x + 17.0));
        x += 40.0 + text.len() as f64 * CHARACTER;
    }
    for (number, graph) in graphs.iter().enumerate() {
        let (column, row) = (number % COLUMNS, number / COLUMNS);
        let (x, y) = (column as f64 * WIDTH, HEAD + row as f64 * HEIGHT);
        write(&mut svg, format_args!("<g transform=\"translate({x} {y})\">"));
        graph.draw(&mut svg, faults, seconds);
        svg.push_str("</g>");
    }
    svg.push_str("</svg>\n");
    svg
}

impl Graph {
    fn draw(&self, svg: &mut String, faults: &[Fault], seconds: f64) {
        let values = self.lines.iter().flat_map(|(_, points)| points).map(|(_, value)| *value);
        let largest = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        let top = if self.unit == "percentunit" { 1.0 } else { round_up(largest) };
        let place = |seconds_in: f64| LEFT + seconds_in / seconds * PLOT_WIDTH;
        let level = |value: f64| TOP + PLOT_HEIGHT * (1.0 - value / top);
        write(svg, format_args!("<text class=\"title\" x=\"{LEFT}\" y=\"18\">{}</text>", self.title));
        for (number, fault) in faults.iter().enumerate() {
            let (from, width) = (place(fault.from), place(fault.to) - place(fault.from));
            write(
                svg,
                format_args!(
                    "<rect x=\"{from:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{PLOT_HEIGHT}\" fill=\"var(--f{number})\" class=\"fault\"/>"
                ),
            );
        }
        for part in [0.0, 0.5, 1.0] {
            let y = level(top * part);
            write(
                svg,
                format_args!("<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\"/>", LEFT + PLOT_WIDTH),
            );
            let text = with_unit(top * part, &self.unit);
            write(svg, format_args!("<text class=\"end\" x=\"{}\" y=\"{}\">{text}</text>", LEFT - 5.0, y + 4.0));
        }
        for second in (0..seconds as u32 - 5).step_by(20) {
            let x = place(f64::from(second));
            write(svg, format_args!("<text x=\"{x:.1}\" y=\"{}\">{second} s</text>", TOP + PLOT_HEIGHT + 14.0));
        }
        for (number, (_, points)) in self.lines.iter().enumerate() {
            let colour = number % COLOURS;
            // A gap where there is no number, as there is in Grafana.
            for part in points.split(|(_, value)| !value.is_finite()).filter(|part| !part.is_empty()) {
                let points: Vec<_> =
                    part.iter().map(|(at, value)| format!("{:.1},{:.1}", place(*at), level(*value))).collect();
                write(svg, format_args!("<polyline stroke=\"var(--s{colour})\" points=\"{}\"/>", points.join(" ")));
            }
        }
        self.draw_legend(svg);
    }

    fn draw_legend(&self, svg: &mut String) {
        let (mut x, mut y) = (LEFT, TOP + PLOT_HEIGHT + 32.0);
        for (number, (name, _)) in self.lines.iter().enumerate() {
            let width = 24.0 + name.len() as f64 * CHARACTER;
            if x + width > WIDTH {
                (x, y) = (LEFT, y + 14.0);
            }
            let colour = number % COLOURS;
            write(
                svg,
                format_args!(
                    "<line x1=\"{x}\" x2=\"{}\" y1=\"{}\" y2=\"{}\" stroke=\"var(--s{colour})\" stroke-width=\"2\"/>",
                    x + 12.0,
                    y - 4.0,
                    y - 4.0
                ),
            );
            write(svg, format_args!("<text x=\"{}\" y=\"{y}\">{name}</text>", x + 16.0));
            x += width;
        }
    }
}

/// The next number of the form 1, 2 or 5 times a power of ten.
fn round_up(largest: f64) -> f64 {
    if largest <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(largest.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= largest).unwrap_or(10.0);
    factor * power
}

fn with_unit(value: f64, unit: &str) -> String {
    match unit {
        "percentunit" => format!("{:.0} %", value * 100.0),
        "s" if value == 0.0 => "0".to_owned(),
        "s" if value < 1.0 => format!("{} ms", value * 1000.0),
        "s" => format!("{value} s"),
        "ops" => format!("{value}/s"),
        _ => value.to_string(),
    }
}

fn write(svg: &mut String, arguments: std::fmt::Arguments<'_>) {
    svg.write_fmt(arguments).expect("a string grows");
}
