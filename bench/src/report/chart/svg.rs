//! The paper: elements, and the one style sheet that makes them readable on a light and on a dark page.

use std::fmt::Write;

use super::Chart;

pub(super) const WIDTH: f64 = 760.0;
/// Where the drawing begins below the title, the unit and the legend.
pub(super) const TOP: f64 = 90.0;
const LEGEND: f64 = 70.0;

const STYLE: &str = "\
svg{--paper:#fff;--ink:#1f2328;--quiet:#59636e;--grid:#d8dee4;--s0:#8c959f;--s1:#0969da;--s2:#bc4c00;--s3:#1a7f37;--s4:#8250df;--s5:#bf3989;--s6:#9a6700}\
@media(prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#e6edf3;--quiet:#9198a1;--grid:#30363d;--s0:#6e7681;--s1:#4493f8;--s2:#f0883e;--s3:#3fb950;--s4:#ab7df8;--s5:#f778ba;--s6:#d29922}}\
text{font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:var(--ink)}\
.title{font-size:16px;font-weight:600}.quiet{fill:var(--quiet);font-size:12px}.end{text-anchor:end}.middle{text-anchor:middle}\
.grid{stroke:var(--grid)}.whisker{stroke:var(--ink);opacity:.55}.line{fill:none;stroke-width:2.5;stroke-linejoin:round}";
/// How many colours the style sheet has.
const COLOURS: usize = 7;

/// What an element looks like.
#[derive(Clone, Copy)]
pub(super) struct Class(pub(super) &'static str);

/// A drawing as it grows.
pub(super) struct Paper(String);

impl Paper {
    pub(super) fn of(chart: &Chart, height: f64) -> Self {
        let mut paper = Self(String::new());
        let title = escaped(&chart.title);
        paper.add(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\"><title>{title}</title><style>{STYLE}</style>\
             <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"var(--paper)\"/>"
        ));
        paper.text(16.0, 28.0, Class("title"), &chart.title);
        paper.text(16.0, 48.0, Class("quiet"), &chart.unit);
        paper
    }

    pub(super) fn text(&mut self, x: f64, y: f64, Class(class): Class, text: &str) {
        self.add(&format!("<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{}</text>", escaped(text)));
    }

    pub(super) fn rule(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), Class(class): Class) {
        self.add(&format!("<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" class=\"{class}\"/>"));
    }

    pub(super) fn block(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), colour: usize) {
        let width = width.max(1.0);
        let fill = colour % COLOURS;
        self.add(&format!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\" fill=\"var(--s{fill})\"/>"
        ));
    }

    pub(super) fn line(&mut self, points: &[(f64, f64)], colour: usize) {
        let path = points.iter().enumerate().map(|(index, (x, y))| {
            let step = if index == 0 { 'M' } else { 'L' };
            format!("{step}{x:.1} {y:.1}")
        });
        let (path, stroke) = (path.collect::<String>(), colour % COLOURS);
        self.add(&format!("<path d=\"{path}\" class=\"line\" style=\"stroke:var(--s{stroke})\"/>"));
        for (x, y) in points {
            self.add(&format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"var(--s{stroke})\"/>"));
        }
    }

    /// What the colours mean, below the unit.
    pub(super) fn legend(&mut self, names: &[&str], colours: &[usize]) {
        let mut x = 16.0;
        for (name, colour) in names.iter().zip(colours) {
            self.block((x, LEGEND - 9.0), (10.0, 10.0), *colour);
            self.text(x + 15.0, LEGEND, Class("quiet"), name);
            x += 34.0 + name.chars().count() as f64 * 6.4;
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.add("</svg>");
        self.0
    }

    fn add(&mut self, element: &str) {
        // Writing to a string cannot fail.
        let _infallible = writeln!(self.0, "{element}");
    }
}

/// The same thing has the same colour in every chart: grey what others are held against, blue what is ours.
pub(super) fn colours(names: &[&str]) -> Vec<usize> {
    let mut others = 2..;
    let colour = |name: &&str| match *name {
        plain if plain.starts_with("without") || plain.starts_with("bare") => 0,
        ours if ours.contains("Cloakroom") => 1,
        _ => others.next().unwrap_or_default(),
    };
    names.iter().map(colour).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
