//! Bar charts as SVG.
//!
//! They are drawn here because charting crates write colours into every element, and one style
//! sheet is needed to make a chart readable in light and dark mode.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::measure::Spread;

const WIDTH: f64 = 760.0;
const BAR_HEIGHT: f64 = 18.0;
const BAR_GAP: f64 = 3.0;
const GROUP_GAP: f64 = 12.0;
/// Space for a value right of the longest bar.
const VALUE_WIDTH: f64 = 70.0;
/// The mean width of a character of a group's label.
const LABEL_CHARACTER: f64 = 7.2;
const LEGEND_TOP: f64 = 70.0;
const LEGEND_LINE: f64 = 18.0;
const MARGIN: f64 = 16.0;

const STYLE: &str = "\
svg{--paper:#fff;--ink:#1f2328;--quiet:#59636e;--s0:#8c959f;--s1:#0969da;--s2:#bc4c00;--s3:#1a7f37;--s4:#8250df;--s5:#bf3989;--s6:#9a6700}\
@media(prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#e6edf3;--quiet:#9198a1;--s0:#6e7681;--s1:#4493f8;--s2:#f0883e;--s3:#3fb950;--s4:#ab7df8;--s5:#f778ba;--s6:#d29922}}\
text{font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:var(--ink)}\
.title{font-size:16px;font-weight:600}.quiet{fill:var(--quiet);font-size:12px}.end{text-anchor:end}\
.range{stroke:var(--ink);opacity:.55}";
/// The number of colours in the style sheet.
const COLOURS: usize = 7;

/// Groups of horizontal bars from zero, each with a line from the minimum to the maximum.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Chart {
    /// The name of its file.
    pub(super) name: String,
    pub(super) title: String,
    /// What the bars measure, below the title.
    unit: String,
    groups: Vec<Group>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Group {
    label: String,
    /// The series and the value of each bar.
    bars: Vec<(String, Spread)>,
}

impl Group {
    fn height(&self) -> f64 {
        self.bars.len() as f64 * (BAR_HEIGHT + BAR_GAP) - BAR_GAP + GROUP_GAP
    }
}

impl Chart {
    pub(crate) fn new(name: &str, title: &str, unit: &str) -> Self {
        Self { name: name.to_owned(), title: title.to_owned(), unit: unit.to_owned(), groups: Vec::new() }
    }

    /// Adds a bar to a group. A series has the same colour in every group.
    pub(crate) fn bar(&mut self, group: &str, series: &str, spread: Spread) {
        let bar = (series.to_owned(), spread);
        match self.groups.iter_mut().find(|present| present.label == group) {
            Some(present) => present.bars.push(bar),
            None => self.groups.push(Group { label: group.to_owned(), bars: vec![bar] }),
        }
    }

    pub(super) fn to_svg(&self) -> String {
        let bars = || self.groups.iter().flat_map(|group| &group.bars);
        let mut series: Vec<&str> = Vec::new();
        for (name, _) in bars() {
            if !series.contains(&name.as_str()) {
                series.push(name);
            }
        }
        let colours = colours(&series);
        let mut y = LEGEND_TOP;
        let legend_height = if series.len() > 1 { series.len() as f64 * LEGEND_LINE } else { 0.0 };
        let groups_height: f64 = self.groups.iter().map(Group::height).sum();
        let mut svg = Svg::new(self, y + legend_height + groups_height + 8.0);
        if series.len() > 1 {
            for (name, colour) in series.iter().zip(&colours) {
                svg.rect((MARGIN, y - 9.0), (10.0, 10.0), *colour);
                svg.text(MARGIN + 15.0, y, "quiet", name);
                y += LEGEND_LINE;
            }
        }
        let longest_label = self.groups.iter().map(|group| group.label.chars().count()).max().unwrap_or(0);
        let left = MARGIN + longest_label as f64 * LABEL_CHARACTER + 10.0;
        let largest = bars().map(|(_, spread)| spread.median).fold(0.0, f64::max);
        let scale = (WIDTH - left - VALUE_WIDTH) / if largest > 0.0 { largest } else { 1.0 };
        for group in &self.groups {
            svg.text(left - 10.0, y + (group.height() - GROUP_GAP) / 2.0 + 4.5, "end", &group.label);
            for (index, (name, spread)) in group.bars.iter().enumerate() {
                let top = y + index as f64 * (BAR_HEIGHT + BAR_GAP);
                let colour = series.iter().position(|present| present == name).map_or(0, |series| colours[series]);
                let width = spread.median.max(0.0) * scale;
                svg.rect((left, top), (width, BAR_HEIGHT), colour);
                let [min, max] = [spread.min, spread.max].map(|end| left + end.max(0.0).min(largest) * scale);
                if max - min > 1.0 {
                    svg.line(min, max, top + BAR_HEIGHT / 2.0);
                }
                svg.text(left + width.max(max - left) + 6.0, top + 13.5, "quiet", &format_value(spread.median));
            }
            y += group.height();
        }
        svg.finish()
    }
}

/// An SVG file under construction.
struct Svg(String);

impl Svg {
    fn new(chart: &Chart, height: f64) -> Self {
        let mut svg = Self(String::new());
        let title = escape(&chart.title);
        svg.add(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\"><title>{title}</title><style>{STYLE}</style>\
             <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"var(--paper)\"/>"
        ));
        svg.text(MARGIN, 28.0, "title", &chart.title);
        svg.text(MARGIN, 48.0, "quiet", &chart.unit);
        svg
    }

    fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        self.add(&format!("<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{}</text>", escape(text)));
    }

    fn line(&mut self, from: f64, to: f64, y: f64) {
        self.add(&format!("<path d=\"M{from:.1} {y:.1}L{to:.1} {y:.1}\" class=\"range\"/>"));
    }

    fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: usize) {
        let (width, colour) = (width.max(1.0), colour % COLOURS);
        self.add(&format!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\" fill=\"var(--s{colour})\"/>"
        ));
    }

    fn finish(mut self) -> String {
        self.add("</svg>");
        self.0
    }

    fn add(&mut self, element: &str) {
        // Writing to a string cannot fail.
        let _infallible = writeln!(self.0, "{element}");
    }
}

/// Returns a colour per series: always grey for the baseline and blue for Cloakroom.
fn colours(series: &[&str]) -> Vec<usize> {
    let mut others = 2..;
    let colour = |name: &&str| match *name {
        baseline if baseline.starts_with("without") || baseline.starts_with("bare") => 0,
        cloakroom if cloakroom.contains("Cloakroom") => 1,
        _ => others.next().unwrap_or_default(),
    };
    series.iter().map(colour).collect()
}

fn format_value(value: f64) -> String {
    let trim = |number: String| number.trim_end_matches('0').trim_end_matches('.').to_owned();
    match value.abs() {
        0.0 => "0".to_owned(),
        small if small < 0.1 => trim(format!("{value:.3}")),
        small if small < 10.0 => trim(format!("{value:.2}")),
        medium if medium < 10_000.0 => format!("{value:.0}"),
        large if large < 1e6 => format!("{:.0}k", value / 1e3),
        _ => format!("{}M", trim(format!("{:.1}", value / 1e6))),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{colours, format_value};

    #[test]
    fn baseline_and_cloakroom_have_fixed_colours() {
        assert_eq!(colours(&["without a session cache", "with Cloakroom"]), [0, 1]);
        assert_eq!(colours(&["tower-sessions", "Cloakroom, in memory", "axum_session"]), [2, 1, 3]);
    }

    #[test]
    fn values_are_short() {
        let formatted = [0.0, 0.016, 4.4, 127.4, 12_740.0, 1_500_000.0, 1e7].map(format_value);
        assert_eq!(formatted, ["0", "0.016", "4.4", "127", "13k", "1.5M", "10M"]);
    }
}
