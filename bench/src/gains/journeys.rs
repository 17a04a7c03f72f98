//! Whole sessions: what one of so many requests takes and asks of the database.

use crate::Failure;
use crate::args::Options;
use crate::load::Journey;
use crate::measure::Spread;
use crate::report::{Chart, Section, Series, progress};

use super::stage::{Side, Stage};
use super::{Kind, Measured};

const NOTE: &str = "A visitor signs in and sends so many requests, one after the other; the times are the medians of whole sessions, signing in included, 32 visitors at the same time. \
    \"Cart\" asks for the cart each time; \"mixed\" for the cart, the preferences and the orders in turn. Nothing is cached when a visitor comes.";

/// So many at the same time as there are connections to the database.
const VISITORS: usize = 32;
/// Measured with every latency; the others only where waiting is short.
const ALWAYS: [usize; 4] = [1, 2, 10, 20];
const LENGTHS: [usize; 7] = [1, 2, 3, 5, 10, 20, 50];
const SHORT: u64 = 5;

/// What visitors ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Steps {
    Cart,
    Mixed,
}

impl Steps {
    const ALL: [Self; 2] = [Self::Cart, Self::Mixed];

    const fn name(self) -> &'static str {
        match self {
            Self::Cart => "journey",
            Self::Mixed => "mixed",
        }
    }

    const fn what(self) -> &'static str {
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

/// One kind of session, by run; without and with. Times are milliseconds, queries those of one session.
pub(super) struct Trip {
    steps: Steps,
    length: usize,
    time: [Vec<f64>; 2],
    queries: [Vec<f64>; 2],
}

pub(super) struct Runs(Vec<Trip>);

impl Runs {
    /// Without and with.
    pub(super) fn time(&self, steps: Steps, length: usize) -> Option<[Spread; 2]> {
        self.find(steps, length).map(Trip::time)
    }

    /// How many fewer queries there are with the cache, as a share.
    pub(super) fn fewer_queries(&self, steps: Steps, length: usize) -> Option<f64> {
        let [without, with] = self.find(steps, length)?.queries();
        Some(1.0 - with.median / without.median)
    }

    fn find(&self, steps: Steps, length: usize) -> Option<&Trip> {
        self.0.iter().find(|trip| trip.steps == steps && trip.length == length)
    }

    /// From how many requests on a session takes no longer with the cache than without, as far as was measured.
    pub(super) fn break_even(&self) -> Option<usize> {
        let carts = self.0.iter().filter(|trip| trip.steps == Steps::Cart);
        let pays = |trip: &&Trip| {
            let [without, with] = trip.time();
            with.median <= without.median
        };
        carts.rev().take_while(pays).last().map(|trip| trip.length)
    }
}

impl Trip {
    fn time(&self) -> [Spread; 2] {
        [0, 1].map(|side| Spread::of(self.time[side].iter().copied()))
    }

    fn queries(&self) -> [Spread; 2] {
        [0, 1].map(|side| Spread::of(self.queries[side].iter().copied()))
    }
}

pub(super) fn measure(stage: &mut Stage, options: &Options) -> Result<Runs, Failure> {
    let wanted = |length: &usize| stage.delay <= SHORT || ALWAYS.contains(length);
    let lengths: Vec<usize> = LENGTHS.into_iter().filter(wanted).collect();
    let trips = Steps::ALL.into_iter().flat_map(|steps| lengths.iter().map(move |length| (steps, *length)));
    let empty = |(steps, length)| Trip { steps, length, time: Default::default(), queries: Default::default() };
    let mut runs = Runs(trips.map(empty).collect());
    for run in 1..=options.runs() {
        progress(&format!("{}, whole sessions, run {run}", stage.describe()));
        for trip in &mut runs.0 {
            for (index, side) in stage.sides.iter_mut().enumerate() {
                let [time, queries] = travel(side, trip.steps, trip.length, options)?;
                trip.time[index].push(time);
                trip.queries[index].push(queries);
            }
        }
    }
    Ok(runs)
}

/// The time of a session, and its queries.
fn travel(side: &mut Side, steps: Steps, length: usize, options: &Options) -> Result<[f64; 2], Failure> {
    let visitors = options.size(VISITORS, 8);
    let before = side.queries()?;
    let driven = side.load.travel(Journey { steps: steps.lines(length), visitors })?;
    if driven.failed > 0 {
        return Err(format!("{}: {} requests of whole sessions failed", side.name, driven.failed).into());
    }
    let queries = (side.queries()? - before) as f64 / visitors as f64;
    Ok([driven.p50 / 1000.0, queries])
}

pub(super) fn section(all: &[Measured]) -> Section {
    let columns = [
        "database",
        "added ms",
        "requests",
        "of which",
        "ms without",
        "with",
        "saved ms",
        "queries without",
        "with",
        "hit ratio",
    ];
    let mut section = Section::new("Whole sessions", NOTE, columns);
    for Measured { kind, delay, journeys, .. } in all {
        for trip in &journeys.0 {
            let ([without, with], [asked, with_asked]) = (trip.time(), trip.queries());
            let saved = trip.time[0].iter().zip(&trip.time[1]).map(|(without, with)| without - with);
            let (saved, ratio) = (Spread::of(saved), 1.0 - with_asked.median / asked.median);
            section.row([
                kind.what().to_owned(),
                delay.to_string(),
                trip.length.to_string(),
                trip.steps.what().to_owned(),
                without.to_string(),
                with.to_string(),
                saved.to_string(),
                asked.to_string(),
                with_asked.to_string(),
                format!("{:.0} %", 100.0 * ratio),
            ]);
            let mut figure = |name: &str, unit, spread| {
                let key = format!("gains/{}/{delay}/{}/{}/{name}", kind.name(), trip.steps.name(), trip.length);
                section.figure(key, unit, spread);
            };
            figure("without/time", "ms", without);
            figure("with/time", "ms", with);
            figure("saved", "ms", saved);
            figure("without/queries", "", asked);
            figure("with/queries", "", with_asked);
            figure("hit-ratio", "", Spread::once(ratio));
        }
    }
    if let Some(measured) = all.iter().find(|measured| measured.kind == Kind::Postgres && measured.delay == SHORT) {
        section.chart(lines(measured));
    }
    section
}

fn lines(measured: &Measured) -> Chart {
    let mut chart = Chart::lines(
        "gains-session",
        "What a session takes, by its length",
        "ms, requests for the cart, PostgreSQL 5 ms away",
        "requests",
    );
    for (index, name) in ["without a session cache", "with Cloakroom"].into_iter().enumerate() {
        let carts = measured.journeys.0.iter().filter(|trip| trip.steps == Steps::Cart);
        let points = carts.map(|trip| (trip.length as f64, trip.time()[index]));
        chart.line(Series { name: name.to_owned(), points: points.collect() });
    }
    chart
}
