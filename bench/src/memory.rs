//! Bytes per session.

use std::time::Duration;

use cloakroom::Sessions;

use crate::Result;
use crate::args::Options;
use crate::fixtures::{Endpoint, ManualClock, SeededRandom, SessionCookies, session_creator};
use crate::measure::{Footprint, footprint, with_idle_runtime};
use crate::report::{Chart, Section, single};
use crate::targets::cloakroom::layered;
use crate::targets::{self, Target, TargetConfig};

const NOTE: &str = "One million sessions with a cart of five items, each kind in a process of its own. \"Resident\" is by \
    the operating system, \"requested\" from the allocator, \"own count\" is `Stats::bytes`, which `memory_limit` limits. \
    \"Packed\" is after `pack_after`: the memory of the carts is free for new sessions, but fragmented, so that the system's \
    allocator returns no page. \"Created over 20 minutes\" is a server's case: earlier sessions are packed while later ones \
    reuse their memory. Other libraries do not pack.";
const SUMMARY_NOTE: &str = "Resident bytes of one million sessions with a cart of five items, each kind in a process of \
    its own; the own count is `Stats::bytes`, which `memory_limit` limits. Packing leaves memory for new sessions that the \
    system's allocator does not return. Sessions that are created over 20 minutes reuse it.";

/// The time in which the sessions of the steady case are created, and the number of steps.
const CREATION_TIME: Duration = Duration::from_secs(20 * 60);
const WAVES: u32 = 1200;

/// The sessions that are measured.
struct Kind {
    /// Its name on the command line and in figure keys.
    key: &'static str,
    label: &'static str,
    source: Source,
}

/// How a kind of session is created.
enum Source {
    Cloakroom(Endpoint),
    Library(Target),
}

const fn cloakroom(key: &'static str, label: &'static str, path: &'static str) -> Kind {
    Kind { key, label, source: Source::Cloakroom(Endpoint::post(path)) }
}

const fn library(target: Target) -> Kind {
    Kind { key: target.key(), label: target.label(), source: Source::Library(target) }
}

const KINDS: [Kind; 7] = [
    cloakroom("anonymous", "Cloakroom, anonymous, guide's cart", "/fill"),
    cloakroom("logged-in", "Cloakroom, logged in, guide's cart", "/fill/login"),
    cloakroom("compact", "Cloakroom, anonymous, compact cart", "/compact/fill"),
    library(Target::TowerMemory),
    library(Target::TowerMoka),
    library(Target::AxumMemory),
    library(Target::Map),
];

/// Returns the names of all kinds.
pub(crate) fn kinds() -> [&'static str; 7] {
    KINDS.map(|kind| kind.key)
}

/// Returns the arguments of the processes that measure all kinds.
pub(crate) fn runs() -> impl Iterator<Item = Vec<&'static str>> {
    KINDS.into_iter().flat_map(|Kind { key, source, .. }| {
        let steady = matches!(source, Source::Cloakroom(_)).then(|| vec!["--kind", key, "--steady"]);
        [vec!["--kind", key]].into_iter().chain(steady)
    })
}

/// Measures one kind in this process, created at once or over twenty minutes.
pub(crate) fn run(kind: &str, steady: bool, options: &Options) -> Result<Vec<Section>> {
    let kind = KINDS.into_iter().find(|known| known.key == kind).ok_or("unknown kind of session")?;
    let (source, count) = (&kind.source, options.size(1_000_000, 20_000));
    let rows = match source {
        Source::Library(target) => measure_library(*target, count)?,
        Source::Cloakroom(endpoint) if steady => measure_steady(*endpoint, count, options)?,
        Source::Cloakroom(endpoint) => measure_at_once(*endpoint, count, options)?,
    };
    let mut section = new_section();
    for (state, footprint, own_count) in rows {
        let label = match state {
            "fresh" => "created at once, in use",
            "packed" => "created at once, packed",
            _ => "created over 20 minutes",
        };
        let per_session = |name, bytes: f64| single(name, "B", bytes / count as f64);
        let own = per_session("own", own_count.map_or(f64::NAN, |bytes| bytes as f64));
        let values = [
            per_session("resident", footprint.resident as f64).decimals(0),
            per_session("requested", footprint.requested as f64).decimals(0),
            if own_count.is_some() { own.decimals(0) } else { own.with_text("–") },
        ];
        section.measured_row(&[kind.label, label], &format!("memory/{}/{state}", kind.key), values);
    }
    Ok(vec![section])
}

/// Joins the sections of all kinds into one with a chart and a summary.
pub(crate) fn join(sections: Vec<Section>) -> Vec<Section> {
    let mut joined = new_section();
    for section in sections {
        joined.rows.extend(section.rows);
        joined.figures.extend(section.figures);
    }
    let mut chart = Chart::new("memory", "Memory per session", "resident bytes, a cart of five items");
    let columns = ["sessions", "in use", "packed", "created over 20 minutes", "own count in use"];
    let mut summary = Section::new("Bytes per session", SUMMARY_NOTE, columns).on_page();
    for Kind { key, label, .. } in KINDS {
        let find = |name: &str| joined.figures.iter().find(|figure| figure.key == format!("memory/{key}/{name}"));
        let cells = ["fresh/resident", "packed/resident", "steady/resident", "fresh/own"]
            .map(|name| find(name).map_or_else(|| "–".to_owned(), |figure| format!("{:.0}", figure.spread.median)));
        summary.row([label.to_owned()].into_iter().chain(cells));
        for (name, series) in [("fresh/resident", "in use"), ("steady/resident", "created over 20 minutes")] {
            if let Some(figure) = find(name) {
                chart.bar(label, series, figure.spread);
            }
        }
    }
    summary.charts.push(chart);
    vec![summary, joined]
}

/// The state, the footprint of all sessions, and what the library itself counts.
type Row = (&'static str, Footprint, Option<u64>);

/// All sessions are created at once, then packed.
fn measure_at_once(endpoint: Endpoint, count: usize, options: &Options) -> Result<Vec<Row>> {
    with_idle_runtime(|runtime| {
        let (clock, sessions) = new_sessions(options)?;
        let mut cookies = SessionCookies::with_capacity(count);
        let mut creator = session_creator(layered(&sessions), endpoint);
        let fresh = footprint(|| cookies.create_sessions(&mut creator, 1, || ()))?;
        let before = sessions.stats().bytes;
        let packing = footprint(|| {
            clock.advance(Duration::from_secs(90));
            runtime.block_on(sessions.run_pending_tasks());
            Ok(())
        })?;
        let after = sessions.stats().bytes;
        if after >= before {
            return Err("idle sessions were not packed".into());
        }
        Ok(vec![("fresh", fresh, Some(before)), ("packed", fresh + packing, Some(after))])
    })
}

/// The sessions are created over twenty minutes of the manual clock.
fn measure_steady(endpoint: Endpoint, count: usize, options: &Options) -> Result<Vec<Row>> {
    with_idle_runtime(|runtime| {
        let (clock, sessions) = new_sessions(options)?;
        let mut cookies = SessionCookies::with_capacity(count);
        let mut creator = session_creator(layered(&sessions), endpoint);
        let after_wave = || {
            clock.advance(CREATION_TIME / WAVES);
            runtime.block_on(sessions.run_pending_tasks());
        };
        let steady = footprint(|| cookies.create_sessions(&mut creator, WAVES as usize, after_wave))?;
        Ok(vec![("steady", steady, Some(sessions.stats().bytes))])
    })
}

fn measure_library(target: Target, count: usize) -> Result<Vec<Row>> {
    with_idle_runtime(|runtime| {
        let app = runtime.block_on(targets::build(TargetConfig::in_memory(target)))?;
        let mut cookies = SessionCookies::with_capacity(count);
        let mut creator = session_creator(app, Endpoint::post("/fill"));
        Ok(vec![("fresh", footprint(|| cookies.create_sessions(&mut creator, 1, || ()))?, None)])
    })
}

fn new_sessions(options: &Options) -> Result<(ManualClock, Sessions)> {
    let clock = ManualClock::new();
    let builder = Sessions::builder().clock(clock.clone()).random(SeededRandom::new(options.seed));
    Ok((clock, builder.memory_limit(16 << 30).build()?))
}

fn new_section() -> Section {
    let columns = ["sessions", "state", "resident B", "requested B", "own count B"];
    Section::new("Memory per session", NOTE, columns)
}
