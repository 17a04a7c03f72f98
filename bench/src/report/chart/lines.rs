use super::scale::{Logarithmic, words};
use super::svg::{Class, Paper, WIDTH, colours, top};
use super::{Chart, Series};

const HEIGHT: f64 = 400.0;
const LEFT: f64 = 66.0;
const BELOW: f64 = 48.0;

pub(super) fn draw(chart: &Chart, across: &str, series: &[Series]) -> String {
    let mut paper = Paper::of(chart, HEIGHT);
    let names: Vec<&str> = series.iter().map(|series| series.name.as_str()).collect();
    let colours = colours(&names);
    paper.legend(&names, &colours);
    let points = series.iter().flat_map(|series| &series.points);
    let (above, right, bottom) = (top(&names), WIDTH - 30.0, HEIGHT - BELOW);
    let x = Logarithmic::over(points.clone().map(|(x, _)| *x), (LEFT, right));
    let y = Logarithmic::over(points.map(|(_, spread)| spread.median), (bottom, above));
    for tick in y.ticks() {
        paper.rule((LEFT, y.place(tick)), (right, y.place(tick)), Class("grid"));
        paper.text(LEFT - 8.0, y.place(tick) + 4.0, Class("quiet end"), &words(tick));
    }
    for tick in x.ticks() {
        paper.rule((x.place(tick), above), (x.place(tick), bottom), Class("grid"));
        paper.text(x.place(tick), bottom + 18.0, Class("quiet middle"), &words(tick));
    }
    paper.text(f64::midpoint(LEFT, right), bottom + 38.0, Class("quiet middle"), across);
    for (series, colour) in series.iter().zip(colours) {
        for (at, spread) in &series.points {
            let ends = [spread.min, spread.max].map(|end| (x.place(*at), y.place(end)));
            paper.rule(ends[0], ends[1], Class("whisker"));
        }
        let places: Vec<_> = series.points.iter().map(|(at, spread)| (x.place(*at), y.place(spread.median))).collect();
        paper.line(&places, colour);
    }
    paper.finish()
}
