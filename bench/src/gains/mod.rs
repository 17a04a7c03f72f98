//! What a session cache saves, and what it costs: the claims of the seed document, measured. One
//! application with the cache and one without, over HTTP, on PostgreSQL and on SQLite, which answer at
//! once or later.

mod claims;
mod costs;
mod journeys;
mod place;
mod requests;
mod shop;
mod stage;
mod token_check;

use crate::Failure;
use crate::args::Options;
use crate::process::runtime;
use crate::report::{Section, expect, progress};

use place::{DELAYS, Kind, Place};
use stage::Stage;

pub(crate) use shop::app;

/// What was measured on one database with one latency.
struct Measured {
    kind: Kind,
    delay: u64,
    requests: requests::Runs,
    journeys: journeys::Runs,
    /// What a session takes by the cache's own count, with all that the shop keeps in it.
    bytes: u64,
}

pub(crate) fn run(options: &Options) -> Result<Vec<Section>, Failure> {
    let runtime = runtime()?;
    let place = runtime.block_on(Place::make())?;
    let wanted = |kind: &Kind| options.wants(kind.name());
    // Those of the headlines, in a smoke run.
    let delays = if options.smoke { &DELAYS[1..3] } else { &DELAYS[..] };
    let steps = delays.len() * Kind::ALL.iter().filter(|kind| wanted(kind)).count();
    expect(steps * (2 * options.runs() as usize + 1) + 1);
    let mut all = Vec::new();
    for kind in Kind::ALL.into_iter().filter(wanted) {
        for delay in delays.iter().copied() {
            let mut stage = Stage::set(&place, kind, delay, options)?;
            let requests = requests::measure(&mut stage, options)?;
            let journeys = journeys::measure(&mut stage, options)?;
            all.push(Measured { kind, delay, requests, journeys, bytes: stage.bytes()? });
        }
    }
    progress("checking tokens");
    let checks = token_check::measure(options)?;
    let mut sections = vec![claims::section(&all, &checks)];
    sections.push(requests::section(&all));
    sections.push(journeys::section(&all));
    sections.push(costs::section(&all));
    sections.push(token_check::section(&checks));
    Ok(sections)
}
