//! Bytes per session.

use std::time::Duration;

use axum::Router;
use cloakroom::Sessions;

use crate::Result;
use crate::args::{Options, SessionKind};
use crate::fixtures::{Endpoint, ManualClock, SeededRandom, SessionCookies, session_creator};
use crate::measure::{Footprint, Spread, footprint, with_idle_runtime};
use crate::report::{Chart, Section};
use crate::targets::cloakroom::layered;
use crate::targets::{self, Target, TargetConfig};

const NOTE: &str = "One million sessions with a cart of five items, each kind in a process of its own. \"Resident\" is by \
    the operating system, \"requested\" from the allocator, \"own count\" is `Stats::bytes`, which `max_bytes` limits. \
    \"Packed\" is after `pack_after`: the memory of the carts is free for new sessions, but fragmented, so that the system's \
    allocator returns no page. \"Created over 20 minutes\" is a server's case: earlier sessions are packed while later ones \
    reuse their memory. Other libraries do not pack.";

/// All kinds, as named on the command line.
pub(crate) const KINDS: [&str; 7] =
    ["anonymous", "logged-in", "compact", "tower-memory", "tower-moka", "axum-memory", "map"];

/// The time in which the sessions of the steady case are created, and the number of steps.
const CREATION_TIME: Duration = Duration::from_secs(20 * 60);
const WAVES: u32 = 1200;

/// Returns whether sessions of this kind are packed when they are idle.
pub(crate) fn is_packable(kind: &str) -> bool {
    ["anonymous", "logged-in", "compact"].contains(&kind)
}

pub(crate) fn run(kind: SessionKind, steady: bool, options: &Options) -> Result<Vec<Section>> {
    let mut table = Table { section: new_section(), kind, count: options.size(1_000_000, 20_000) };
    match target(kind) {
        Some(target) => measure_library(&mut table, target)?,
        None if steady => measure_steady(&mut table, options)?,
        None => measure_at_once(&mut table, options)?,
    }
    Ok(vec![table.section])
}

/// Joins the sections of all kinds into one with a chart.
pub(crate) fn join(sections: Vec<Section>) -> Vec<Section> {
    let mut joined = new_section().on_page();
    for section in sections {
        joined.rows.extend(section.rows);
        joined.figures.extend(section.figures);
    }
    let mut chart = Chart::new("memory", "Memory per session", "resident bytes, a cart of five items");
    let charted = [
        SessionKind::Anonymous,
        SessionKind::Map,
        SessionKind::TowerMemory,
        SessionKind::TowerMoka,
        SessionKind::AxumMemory,
    ];
    for kind in charted {
        for (state, label) in [("fresh", "in use"), ("steady", "created over 20 minutes")] {
            let key = format!("memory/{}/{state}/resident", names(kind).0);
            if let Some(figure) = joined.figures.iter().find(|figure| figure.key == key) {
                chart.bar(names(kind).1.trim_end_matches(", guide's cart"), label, figure.spread);
            }
        }
    }
    joined.charts.push(chart);
    vec![joined]
}

/// The table of one kind of session.
struct Table {
    section: Section,
    kind: SessionKind,
    count: usize,
}

impl Table {
    /// Adds a row; `own_count` is what the library itself counts, if it does.
    fn add(&mut self, state: &str, footprint: Footprint, own_count: Option<u64>) {
        let label = match state {
            "fresh" => "created at once, in use",
            "packed" => "created at once, packed",
            _ => "created over 20 minutes",
        };
        let (key, kind) = names(self.kind);
        let mut row = vec![kind.to_owned(), label.to_owned()];
        let (resident, requested) = (footprint.resident as f64, footprint.requested as f64);
        let own_count = own_count.map(|bytes| bytes as f64);
        for (name, bytes) in [("resident", Some(resident)), ("requested", Some(requested)), ("own", own_count)] {
            let per_session = bytes.map(|bytes| bytes / self.count as f64);
            row.push(per_session.map_or_else(|| "–".to_owned(), |bytes| format!("{bytes:.0}")));
            if let Some(bytes) = per_session {
                self.section.figure(format!("memory/{key}/{state}/{name}"), "B", Spread::once(bytes));
            }
        }
        self.section.row(row);
    }
}

/// All sessions are created at once, then packed.
fn measure_at_once(table: &mut Table, options: &Options) -> Result<()> {
    with_idle_runtime(|runtime| {
        let (clock, sessions) = new_sessions(options)?;
        let mut cookies = SessionCookies::with_capacity(table.count);
        let mut creator = session_creator(layered(&sessions), endpoint(table.kind));
        let fresh = footprint(|| cookies.create_sessions(&mut creator, 1, || ()))?;
        let before = sessions.stats().bytes;
        table.add("fresh", fresh, Some(before));
        let packing = footprint(|| {
            clock.advance(Duration::from_secs(90));
            runtime.block_on(sessions.run_pending_tasks());
            Ok(())
        })?;
        if sessions.stats().bytes >= before {
            return Err("idle sessions were not packed".into());
        }
        table.add("packed", fresh + packing, Some(sessions.stats().bytes));
        Ok(())
    })
}

/// The sessions are created over twenty minutes of the manual clock.
fn measure_steady(table: &mut Table, options: &Options) -> Result<()> {
    with_idle_runtime(|runtime| {
        let (clock, sessions) = new_sessions(options)?;
        let mut cookies = SessionCookies::with_capacity(table.count);
        let mut creator = session_creator(layered(&sessions), endpoint(table.kind));
        let after_wave = || {
            clock.advance(CREATION_TIME / WAVES);
            runtime.block_on(sessions.run_pending_tasks());
        };
        let steady = footprint(|| cookies.create_sessions(&mut creator, WAVES as usize, after_wave))?;
        table.add("steady", steady, Some(sessions.stats().bytes));
        Ok(())
    })
}

fn measure_library(table: &mut Table, target: Target) -> Result<()> {
    with_idle_runtime(|runtime| {
        let app: Router = runtime.block_on(targets::build(TargetConfig::in_memory(target)))?;
        let mut cookies = SessionCookies::with_capacity(table.count);
        let mut creator = session_creator(app, Endpoint::post("/fill"));
        let fresh = footprint(|| cookies.create_sessions(&mut creator, 1, || ()))?;
        table.add("fresh", fresh, None);
        Ok(())
    })
}

fn new_sessions(options: &Options) -> Result<(ManualClock, Sessions)> {
    let clock = ManualClock::new();
    let builder = Sessions::builder().clock(clock.clone()).random(SeededRandom::new(options.seed));
    Ok((clock, builder.max_bytes(16 << 30).build()?))
}

fn new_section() -> Section {
    let columns = ["sessions", "state", "resident B", "requested B", "own count B"];
    Section::new("Memory per session", NOTE, columns)
}

/// Returns the endpoint that creates a session of a kind of Cloakroom's.
const fn endpoint(kind: SessionKind) -> Endpoint {
    match kind {
        SessionKind::LoggedIn => Endpoint::post("/fill/login"),
        SessionKind::Compact => Endpoint::post("/compact/fill"),
        _ => Endpoint::post("/fill"),
    }
}

/// Returns the library of a kind of session, or `None` for Cloakroom.
const fn target(kind: SessionKind) -> Option<Target> {
    match kind {
        SessionKind::Anonymous | SessionKind::LoggedIn | SessionKind::Compact => None,
        SessionKind::TowerMemory => Some(Target::TowerMemory),
        SessionKind::TowerMoka => Some(Target::TowerMoka),
        SessionKind::AxumMemory => Some(Target::AxumMemory),
        SessionKind::Map => Some(Target::Map),
    }
}

/// Returns the name in figure keys and the name in tables.
fn names(kind: SessionKind) -> (&'static str, &'static str) {
    match (kind, target(kind)) {
        (SessionKind::LoggedIn, _) => ("logged-in", "Cloakroom, logged in, guide's cart"),
        (SessionKind::Compact, _) => ("compact", "Cloakroom, anonymous, compact cart"),
        (_, Some(target)) => (target.key(), target.label()),
        _ => ("anonymous", "Cloakroom, anonymous, guide's cart"),
    }
}
