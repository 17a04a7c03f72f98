//! Whole sessions: their duration and their database queries, by their length.

use crate::Result;
use crate::args::Options;
use crate::load::WholeSessions;
use crate::measure::Spread;
use crate::report::{Chart, Section, single, start_step, value};

use super::Measured;
use super::setup::{DatabaseKind, Setup, Variant};

const NOTE: &str = "A session signs in and sends its requests one after the other; the times are medians of whole \
    sessions, sign-in included, 32 sessions at a time. \"Cart\" requests the cart each time; \"mixed\" the cart, the \
    preferences and the orders in turn. Nothing is cached when a session starts.";
const COST_NOTE: &str = "\"Pays from\" is the shortest measured session that takes no longer with the cache than without. \
    A session of one request costs the time of filling the cache, and its bytes until it expires. Bytes are the cache's \
    own count for a logged-in session with everything that the shop caches; the part on memory has those of a process.";

/// As many at a time as there are connections to the database.
const CONCURRENT_SESSIONS: usize = 32;
const LENGTHS: [usize; 7] = [1, 2, 3, 5, 10, 20, 50];
/// The lengths that are measured at every added latency; the others only up to [`SHORT_DELAY`].
const LENGTHS_AT_ALL_DELAYS: [usize; 4] = [1, 2, 10, 20];
const SHORT_DELAY: u64 = 5;

/// The requests of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Cart,
    Mixed,
}

impl Content {
    const ALL: [Self; 2] = [Self::Cart, Self::Mixed];

    const fn key(self) -> &'static str {
        match self {
            Self::Cart => "cart",
            Self::Mixed => "mixed",
        }
    }

    fn lines(self, length: usize) -> Vec<String> {
        let lines: &[&str] = match self {
            Self::Cart => &["GET /cart"],
            Self::Mixed => &["GET /cart", "GET /preferences", "GET /orders"],
        };
        lines.iter().cycle().take(length).map(|line| (*line).to_owned()).collect()
    }
}

/// One kind of session. Each sample has the variant without the cache first.
struct SessionKind {
    content: Content,
    length: usize,
    /// Milliseconds, run by run.
    times: Vec<[f64; 2]>,
    /// Queries per session, run by run.
    queries: Vec<[f64; 2]>,
}

pub(super) struct Results(Vec<SessionKind>);

impl Results {
    /// Returns the shortest session of cart requests that takes no longer with the cache, nor does
    /// any longer one.
    fn break_even(&self) -> Option<usize> {
        let carts = self.0.iter().filter(|kind| kind.content == Content::Cart);
        let pays = |kind: &&SessionKind| {
            let [without, with] = Spread::of_each(&kind.times);
            with.median <= without.median
        };
        carts.rev().take_while(pays).last().map(|kind| kind.length)
    }
}

pub(super) fn measure(setup: &mut Setup, options: &Options) -> Result<Results> {
    let is_measured = |length: &usize| setup.delay <= SHORT_DELAY || LENGTHS_AT_ALL_DELAYS.contains(length);
    let lengths: Vec<usize> = LENGTHS.into_iter().filter(is_measured).collect();
    let kinds = Content::ALL.into_iter().flat_map(|content| lengths.iter().map(move |length| (content, *length)));
    let new = |(content, length)| SessionKind { content, length, times: Vec::new(), queries: Vec::new() };
    let mut results = Results(kinds.map(new).collect());
    for run in 1..=options.runs() {
        start_step(&format!("{}, whole sessions, run {run}", setup.describe()));
        for kind in &mut results.0 {
            let (mut times, mut queries) = ([0.0; 2], [0.0; 2]);
            for (index, variant) in setup.variants.iter_mut().enumerate() {
                (times[index], queries[index]) = run_sessions(variant, kind, options)?;
            }
            kind.times.push(times);
            kind.queries.push(queries);
        }
    }
    Ok(results)
}

/// Returns the median duration of a session and the mean number of its queries.
fn run_sessions(variant: &mut Variant, kind: &SessionKind, options: &Options) -> Result<(f64, f64)> {
    let count = options.size(CONCURRENT_SESSIONS, 8);
    let before = variant.queries()?;
    let result = variant.load.run_sessions(WholeSessions { lines: kind.content.lines(kind.length), count })?;
    if result.failed > 0 {
        return Err(format!("{} requests of whole sessions failed", result.failed).into());
    }
    Ok((result.p50 / 1000.0, (variant.queries()? - before) as f64 / count as f64))
}

pub(super) fn section(all: &[Measured]) -> Section {
    let columns = [
        "database",
        "added ms",
        "requests",
        "content",
        "ms without",
        "with",
        "saved ms",
        "queries without",
        "with",
        "hit ratio",
    ];
    let mut section = Section::new("Whole sessions", NOTE, columns);
    for measured in all {
        for kind in &measured.sessions.0 {
            let saved = Spread::of(kind.times.iter().map(|[without, with]| without - with));
            let ([without, with], queries) = (Spread::of_each(&kind.times), Spread::of_each(&kind.queries));
            let hit_ratio = 1.0 - queries[1].median / queries[0].median;
            let labels =
                [measured.database.label(), &measured.delay.to_string(), &kind.length.to_string(), kind.content.key()];
            let values = [
                value("without/time", "ms", without),
                value("with/time", "ms", with),
                value("saved", "ms", saved),
                value("without/queries", "", queries[0]),
                value("with/queries", "", queries[1]),
                single("hit-ratio", "", hit_ratio).decimals(2),
            ];
            let key = format!("{}/sessions/{}/{}", measured.key(), kind.content.key(), kind.length);
            section.measured_row(&labels, &key, values);
        }
    }
    let is_charted =
        |measured: &&Measured| measured.database == DatabaseKind::Postgres && measured.delay == SHORT_DELAY;
    section.charts.extend(all.iter().find(is_charted).map(chart));
    section
}

fn chart(measured: &Measured) -> Chart {
    let unit = "ms, requests for the cart, PostgreSQL with 5 ms added, by number of requests";
    let mut chart = Chart::new("gains-session", "Duration of a session", unit);
    for kind in measured.sessions.0.iter().filter(|kind| kind.content == Content::Cart) {
        let [without, with] = Spread::of_each(&kind.times);
        chart.bar(&kind.length.to_string(), "without a session cache", without);
        chart.bar(&kind.length.to_string(), "with Cloakroom", with);
    }
    chart
}

/// Returns the table of what the cache costs, and from which length on a session is faster with it.
pub(super) fn cost_section(all: &[Measured]) -> Section {
    let columns =
        ["database", "added ms", "pays from", "session of 1 request, ms without", "with", "bytes per session"];
    let mut section = Section::new("Costs of the cache", COST_NOTE, columns);
    for measured in all {
        let is_shortest = |kind: &&SessionKind| kind.content == Content::Cart && kind.length == 1;
        let shortest = measured.sessions.0.iter().find(is_shortest);
        let [without, with] = Spread::of_each(shortest.map_or(&[], |kind| kind.times.as_slice()));
        let break_even = measured.sessions.break_even();
        let pays_from =
            break_even.map_or_else(|| "no measured length".to_owned(), |length| format!("≤ {length} requests"));
        let values = [
            single("break-even", "requests", break_even.map_or(f64::NAN, |length| length as f64)).with_text(pays_from),
            value("first-request/without", "ms", without),
            value("first-request/with", "ms", with),
            single("bytes", "B", measured.bytes as f64),
        ];
        section.measured_row(&[measured.database.label(), &measured.delay.to_string()], &measured.key(), values);
    }
    section
}
