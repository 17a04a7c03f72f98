//! The paper: elements, and the one style sheet that makes them readable on a light and on a dark page.

use std::fmt::Write;

use super::Chart;

pub(super) const WIDTH: f64 = 760.0;
/// The first line of the legend, and the distance of another one.
const LEGEND: (f64, f64) = (70.0, 18.0);

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
        for ((name, colour), (x, y)) in names.iter().zip(colours).zip(legend_places(names)) {
            self.block((x, y - 9.0), (10.0, 10.0), *colour);
            self.text(x + 15.0, y, Class("quiet"), name);
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

/// Where the drawing begins, below the title, the unit and the legend.
pub(super) fn top(names: &[&str]) -> f64 {
    legend_places(names).last().map_or(LEGEND.0, |(_, y)| *y) + 20.0
}

/// From left to right, and on another line where there is no more room.
fn legend_places(names: &[&str]) -> Vec<(f64, f64)> {
    let (left, mut x, mut y) = (16.0, 16.0, LEGEND.0);
    let place = |name: &&str| {
        let width = 34.0 + name.chars().count() as f64 * 6.4;
        if x + width > WIDTH && x > left {
            (x, y) = (left, y + LEGEND.1);
        }
        let place = (x, y);
        x += width;
        place
    };
    names.iter().map(place).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{colours, legend_places, top};

    #[test]
    fn a_long_legend_goes_on_in_another_line_and_pushes_the_drawing_down() {
        let names = [
            "Cloakroom, in memory",
            "tower-sessions, memory",
            "tower-sessions, moka",
            "axum_session, memory",
            "a map behind a RwLock",
        ];
        let places = legend_places(&names);
        assert!(places.iter().all(|(x, _)| *x < 700.0) && places[4].1 > places[0].1);
        assert!(top(&names) > top(&names[..2]));
    }

    #[test]
    fn what_is_ours_is_always_the_same_colour() {
        assert_eq!(colours(&["without a session cache", "with Cloakroom"]), [0, 1]);
        assert_eq!(colours(&["tower-sessions", "Cloakroom, in memory", "axum_session"]), [2, 1, 3]);
    }
}
