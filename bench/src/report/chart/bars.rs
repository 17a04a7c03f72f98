use super::scale::words;
use super::svg::{Class, Paper, WIDTH, colours, top};
use super::{Chart, Group};

const BAR: f64 = 18.0;
/// Between two bars of a group, and between two groups.
const GAPS: (f64, f64) = (3.0, 12.0);
/// Room for a value behind the longest bar.
const BEHIND: f64 = 70.0;
/// An average letter of a group's name.
const LETTER: f64 = 7.2;

pub(super) fn draw(chart: &Chart, groups: &[Group]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in groups.iter().flat_map(|group| &group.bars) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let heights: f64 = groups.iter().map(height).sum();
    let mut y = top(&names);
    let mut paper = Paper::of(chart, y + heights + 8.0);
    let colours = colours(&names);
    if names.len() > 1 {
        paper.legend(&names, &colours);
    }
    let longest = groups.iter().map(|group| group.name.chars().count()).max().unwrap_or(0);
    let left = 16.0 + longest as f64 * LETTER + 10.0;
    let most = groups.iter().flat_map(|group| &group.bars).map(|(_, spread)| spread.median).fold(0.0, f64::max);
    let scale = (WIDTH - left - BEHIND) / if most > 0.0 { most } else { 1.0 };
    for group in groups {
        let middle = y + (height(group) - GAPS.1) / 2.0 + 4.5;
        paper.text(left - 10.0, middle, Class("end"), &group.name);
        for (index, (name, spread)) in group.bars.iter().enumerate() {
            let upper = y + index as f64 * (BAR + GAPS.0);
            let colour = names.iter().position(|present| present == name).map_or(0, |series| colours[series]);
            let width = spread.median.max(0.0) * scale;
            paper.block((left, upper), (width, BAR), colour);
            let ends = [spread.min, spread.max].map(|end| left + end.max(0.0).min(most) * scale);
            if ends[1] - ends[0] > 1.0 {
                paper.rule((ends[0], upper + BAR / 2.0), (ends[1], upper + BAR / 2.0), Class("whisker"));
            }
            paper.text(left + width.max(ends[1] - left) + 6.0, upper + 13.5, Class("quiet"), &words(spread.median));
        }
        y += height(group);
    }
    paper.finish()
}

fn height(group: &Group) -> f64 {
    group.bars.len() as f64 * (BAR + GAPS.0) - GAPS.0 + GAPS.1
}
