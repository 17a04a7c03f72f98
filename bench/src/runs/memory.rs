//! Bytes per session.

use std::time::Duration;

use cloakroom::Sessions;
use tokio::runtime::Runtime;

use crate::Failure;
use crate::args::{Options, Visitor};
use crate::measure::{Footprint, Spread, footprint};
use crate::report::Section;
use crate::world::{Ask, HandClock, Population, Seeded};

use super::with_idle_runtime;

const NOTE: &str = "Each kind of visitor in a process of its own, one million sessions with a cart of five items. \
    \"Resident\" is what the operating system says, \"requested\" what was asked of the allocator, \"own count\" what \
    `Stats::bytes` says and `max_bytes` bounds. \"Quiet\" is after `pack_after`: what the carts took is free for new sessions then, \
    but full of holes, so that the system's allocator gives no page back. \"Arrived over 20 minutes\" is what a server sees: \
    those who came earlier are quiet already, and those who come later use the holes.";

/// How long a million visitors take to arrive, and in how many waves.
const ARRIVAL: Duration = Duration::from_secs(20 * 60);
const WAVES: u32 = 1200;

pub(super) fn run(visitor: Visitor, steady: bool, options: &Options) -> Result<Vec<Section>, Failure> {
    let columns = ["sessions", "state", "resident B", "requested B", "own count B"];
    let mut section = Section::new("Memory per session", NOTE, columns);
    let count = options.size(1_000_000, 20_000);
    with_idle_runtime(|runtime| {
        let clock = HandClock::new();
        let random = Seeded::new(options.seed);
        let sessions = Sessions::builder().clock(clock.clone()).random(random).max_bytes(16 << 30).build()?;
        let mut population = Population::room(sessions.clone(), count);
        if steady {
            let held = footprint(|| {
                population.arrive(ask(visitor), WAVES as usize, || pass(runtime, &sessions, &clock, ARRIVAL / WAVES))
            })?;
            enter(&mut section, visitor, "steady", &sessions, count, held);
            return Ok(vec![section]);
        }
        let fresh = footprint(|| population.arrive(ask(visitor), 1, || ()))?;
        enter(&mut section, visitor, "fresh", &sessions, count, fresh);
        let before = sessions.stats().bytes;
        let packing = footprint(|| {
            pass(runtime, &sessions, &clock, Duration::from_secs(90));
            Ok(())
        })?;
        if sessions.stats().bytes >= before {
            return Err("quiet sessions were not packed".into());
        }
        enter(&mut section, visitor, "packed", &sessions, count, fresh + packing);
        Ok(vec![section])
    })
}

/// Time passes, and what is due is done.
fn pass(runtime: &Runtime, sessions: &Sessions, clock: &HandClock, by: Duration) {
    clock.advance(by);
    runtime.block_on(sessions.run_due());
}

fn enter(
    section: &mut Section,
    visitor: Visitor,
    state: &str,
    sessions: &Sessions,
    count: usize,
    footprint: Footprint,
) {
    let per_session = |bytes: f64| bytes / count as f64;
    let resident = per_session(footprint.resident as f64);
    let requested = per_session(footprint.requested as f64);
    let own = per_session(sessions.stats().bytes as f64);
    let (name, what) = describe(visitor);
    let cell = |bytes: f64| format!("{bytes:.0}");
    let state_in_words = match state {
        "fresh" => "all arrived at once, in use",
        "packed" => "the same, quiet",
        _ => "arrived over 20 minutes",
    };
    section.row([what.to_owned(), state_in_words.to_owned(), cell(resident), cell(requested), cell(own)]);
    for (figure, bytes) in [("resident", resident), ("requested", requested), ("own", own)] {
        section.figure(format!("memory/{name}/{state}/{figure}"), "B", Spread::once(bytes));
    }
}

const fn describe(visitor: Visitor) -> (&'static str, &'static str) {
    match visitor {
        Visitor::Anonymous => ("anonymous", "anonymous, guide's cart"),
        Visitor::LoggedIn => ("logged-in", "logged in, guide's cart"),
        Visitor::Compact => ("compact", "anonymous, compact cart"),
    }
}

const fn ask(visitor: Visitor) -> Ask {
    match visitor {
        Visitor::Anonymous => Ask::post("/cart/new"),
        Visitor::LoggedIn => Ask::post("/login/new"),
        Visitor::Compact => Ask::post("/compact/new"),
    }
}
