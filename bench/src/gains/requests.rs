//! Single requests: how long one takes, and how many a server answers.

use std::time::Duration;

use crate::Failure;
use crate::args::Options;
use crate::load::{Driven, Pace, What, Whose};
use crate::measure::Spread;
use crate::report::{Chart, Section, progress};

use super::Measured;
use super::stage::{Side, Stage};

const NOTE: &str = "The same shop without a session cache and with it, over HTTP. Latencies at 200 requests a second at random moments, counted from when each was due; requests per second \
    with 128 clients in a closed loop, 100 sessions, and a pool of 32 connections to the database. \"Added\" is waited for by every answer of the database: on PostgreSQL in a proxy in front \
    of it, on SQLite, which has no wire, by the one who asks, with the connection taken. Cart and preferences are one query each; the orders are only for those whose role allows it: one query for the roles, which may be cached, \
    and one for the orders, which may not.";

/// A kind of request.
pub(super) struct Case {
    pub(super) name: &'static str,
    what: &'static str,
    line: &'static str,
    answer: u64,
}

pub(super) const CASES: [Case; 3] = [
    Case { name: "cart", what: "cart", line: "GET /cart", answer: 5 },
    Case { name: "preferences", what: "preferences", line: "GET /preferences", answer: 6 },
    Case { name: "orders", what: "orders, by role", line: "GET /orders", answer: 3 },
];

/// Low enough that nobody waits for a connection to the slowest database.
const RATE: Pace = Pace::PerSecond(200);

/// What one case came to on one side, run by run. Latencies are milliseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    p50: Vec<f64>,
    p99: Vec<f64>,
    rate: Vec<f64>,
    queries: Vec<f64>,
}

/// One thing of a sample.
type Of = fn(&Sample) -> &Vec<f64>;

/// By case, then without and with.
pub(super) struct Runs([[Sample; 2]; CASES.len()]);

impl Runs {
    /// The median latency of a case without the cache and with it.
    pub(super) fn p50(&self, case: &str) -> [Spread; 2] {
        self.of(case, |sample| &sample.p50)
    }

    pub(super) fn rate(&self, case: &str) -> [Spread; 2] {
        self.of(case, |sample| &sample.rate)
    }

    /// Requests per second with over without, run by run.
    pub(super) fn speedup(&self, case: &str) -> Spread {
        let Some([without, with]) = self.case(case) else { return Spread::of([]) };
        Spread::of(with.rate.iter().zip(&without.rate).map(|(with, without)| with / without))
    }

    fn of(&self, case: &str, figure: Of) -> [Spread; 2] {
        let sides = self.case(case);
        [0, 1].map(|side| Spread::of(sides.into_iter().flat_map(|sides| figure(&sides[side]).iter().copied())))
    }

    fn case(&self, name: &str) -> Option<&[Sample; 2]> {
        CASES.iter().zip(&self.0).find(|(case, _)| case.name == name).map(|(_, sides)| sides)
    }
}

pub(super) fn measure(stage: &mut Stage, options: &Options) -> Result<Runs, Failure> {
    let mut runs = Runs(Default::default());
    // The first run warms up, and is forgotten: the sessions are filled in it.
    for run in 0..=options.runs() {
        progress(&format!("{}, run {run}", stage.describe()));
        for (case, samples) in CASES.iter().zip(&mut runs.0) {
            for (side, sample) in stage.sides.iter_mut().zip(samples) {
                let keep = run > 0;
                ask(side, case, sample, keep, options)?;
            }
        }
    }
    Ok(runs)
}

fn ask(side: &mut Side, case: &Case, sample: &mut Sample, keep: bool, options: &Options) -> Result<(), Failure> {
    let what = What::read(Whose::Any, case.line, case.answer);
    let time = Duration::from_millis(options.size(600, 120) as u64);
    let before = side.queries()?;
    let saturated = side.load.drive(&what, Pace::Saturate, time)?;
    let queries = side.queries()? - before;
    let paced = side.load.drive(&what, RATE, time)?;
    for driven in [saturated, paced] {
        if driven.failed > 0 {
            return Err(format!("{}: {} of {} requests failed", case.line, driven.failed, driven.requests).into());
        }
    }
    if keep {
        let Driven { p50, p99, .. } = paced;
        sample.p50.push(p50 / 1000.0);
        sample.p99.push(p99 / 1000.0);
        sample.rate.push(saturated.rate());
        sample.queries.push(queries as f64 / saturated.requests as f64);
    }
    Ok(())
}

pub(super) fn section(all: &[Measured]) -> Section {
    let columns = [
        "database",
        "added ms",
        "request",
        "p50 ms without",
        "with",
        "p99 ms without",
        "with",
        "requests/s without",
        "with",
        "times as many",
        "queries per request without",
        "with",
    ];
    let mut section = Section::new("Requests with and without a session cache", NOTE, columns);
    let mut latency =
        Chart::bars("gains-latency", "What a request for the cart takes", "ms (median), by how far away PostgreSQL is");
    let mut rate =
        Chart::bars("gains-throughput", "Requests per second at saturation", "the cart, by how far away PostgreSQL is");
    for measured in all {
        for case in &CASES {
            enter(&mut section, measured, case);
        }
        if measured.kind == super::Kind::Postgres {
            let group =
                if measured.delay == 0 { "on this machine".to_owned() } else { format!("{} ms away", measured.delay) };
            for (index, name) in ["without a session cache", "with Cloakroom"].into_iter().enumerate() {
                latency.bar(&group, name, measured.requests.p50("cart")[index]);
                rate.bar(&group, name, measured.requests.rate("cart")[index]);
            }
        }
    }
    section.chart(latency);
    section.chart(rate);
    section
}

fn enter(section: &mut Section, Measured { kind, delay, requests, .. }: &Measured, case: &Case) {
    let figures: [(&str, &str, Of); 4] = [
        ("p50", "ms", |sample| &sample.p50),
        ("p99", "ms", |sample| &sample.p99),
        ("rate", "per-second", |sample| &sample.rate),
        ("queries", "", |sample| &sample.queries),
    ];
    let mut row = vec![kind.what().to_owned(), delay.to_string(), case.what.to_owned()];
    for (name, unit, figure) in figures {
        let sides = requests.of(case.name, figure);
        for (side, spread) in ["without", "with"].into_iter().zip(sides) {
            row.push(spread.to_string());
            section.figure(format!("gains/{}/{delay}/{}/{side}/{name}", kind.name(), case.name), unit, spread);
        }
        if name == "rate" {
            let speedup = requests.speedup(case.name);
            row.push(speedup.to_string());
            section.figure(format!("gains/{}/{delay}/{}/speedup", kind.name(), case.name), "×", speedup);
        }
    }
    section.rows.push(row);
}
