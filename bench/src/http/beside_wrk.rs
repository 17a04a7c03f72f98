//! The same load by a standard generator, to see whether ours tells the truth.

use std::time::Duration;

use crate::Failure;
use crate::args::Options;
use crate::arms::Arm;
use crate::load::wrk::Script;
use crate::load::{Pace, What, Whose};
use crate::measure::Spread;
use crate::report::{Section, expect, progress};

use super::entrant::{CLIENTS, Entrant};

const NOTE: &str = "Reads of any of 1000 sessions on one node at saturation, 32 connections, one thread: by the load of the bench, and by `wrk` with the same requests, in turn. \
    The absolute figures differ by what each generator takes of the two processors itself; the ratios to bare axum should agree. `wrk` takes part in nothing else because it \
    cannot choose another node for every request on connections that stay open, keeps no cookies, does not check what it is answered, and has no fixed rate.";

/// The least that `wrk` can do.
const TIME: Duration = Duration::from_secs(1);

pub(super) fn section(entrants: &mut [Entrant], wrk: &str, options: &Options) -> Result<Section, Failure> {
    let columns = ["server", "requests/s", "of bare", "wrk: requests/s", "wrk: of bare", "wrk: p50 µs", "wrk: p99 µs"];
    let mut section = Section::new("The load of the bench beside wrk", &format!("{NOTE} Took part: {wrk}."), columns);
    let mut scripts = Vec::new();
    for entrant in entrants.iter_mut().filter(|entrant| entrant.nodes.len() == 1) {
        scripts.push(Script::new("GET /cart", &entrant.load.cookies()?, options.seed)?);
    }
    let mut samples = vec![Vec::new(); scripts.len()];
    expect(options.runs() as usize);
    for run in 1..=options.runs() {
        progress(&format!("run {run} beside wrk"));
        let alone = entrants.iter_mut().filter(|entrant| entrant.nodes.len() == 1);
        for ((entrant, script), samples) in alone.zip(&scripts).zip(&mut samples) {
            samples.push(sample(entrant, script)?);
        }
    }
    let alone: Vec<_> = entrants.iter().filter(|entrant| entrant.nodes.len() == 1).map(|entrant| entrant.arm).collect();
    let bare = alone.iter().position(|arm| *arm == Arm::Bare).map(|index| samples[index].clone()).unwrap_or_default();
    for (arm, samples) in alone.into_iter().zip(&samples) {
        enter(&mut section, arm, samples, &bare);
    }
    Ok(section)
}

/// Ours, and what wrk says: requests per second, p50, p99.
type Sample = [f64; 4];

fn sample(entrant: &mut Entrant, script: &Script) -> Result<Sample, Failure> {
    let ours = entrant.load.drive(&What::read(Whose::Any, "GET /cart", 5), Pace::Saturate, TIME)?;
    let theirs = script.drive(entrant.nodes[0].address, CLIENTS, TIME)?;
    if theirs.failed > 0 {
        return Err(format!("{}: wrk counts {} failed requests", entrant.arm.what(), theirs.failed).into());
    }
    Ok([ours.rate(), theirs.rate(), theirs.p50, theirs.p99])
}

fn enter(section: &mut Section, arm: Arm, samples: &[Sample], bare: &[Sample]) {
    let [ours, theirs, p50, p99] = [0, 1, 2, 3].map(|index| Spread::of(samples.iter().map(|sample| sample[index])));
    let of_bare = |index: usize| Spread::of(samples.iter().zip(bare).map(|(one, bare)| one[index] / bare[index]));
    let (ours_of_bare, theirs_of_bare) = (of_bare(0), of_bare(1));
    let cells = [ours, ours_of_bare, theirs, theirs_of_bare, p50, p99].map(|spread| spread.to_string());
    section.rows.push([arm.what().to_owned()].into_iter().chain(cells).collect());
    let mut figure = |name: &str, unit, spread| section.figure(format!("http/wrk/{}/{name}", arm.name()), unit, spread);
    figure("own-rate", "per-second", ours);
    figure("wrk-rate", "per-second", theirs);
    figure("own-of-bare", "×", ours_of_bare);
    figure("wrk-of-bare", "×", theirs_of_bare);
}
