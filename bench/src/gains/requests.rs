//! Single requests: latency at a low rate, and throughput at saturation.

use std::time::Duration;

use crate::Result;
use crate::args::Options;
use crate::load::{LoadResult, Pace, Workload};
use crate::measure::Spread;
use crate::report::{Chart, Section, start_step};

use super::Measured;
use super::setup::{DatabaseKind, Setup, Variant};

const NOTE: &str = "Latencies at 200 requests a second at random times, counted from when each was due; requests per \
    second with 128 clients in a closed loop, 100 sessions, and a pool of 32 connections to the database. \"Added\" delays \
    every answer of the database: on PostgreSQL in a proxy, on SQLite by a pause with the connection taken. Cart and \
    preferences are one query each; orders are one for the roles, which may be cached, and one for the orders, which may \
    not.";

/// One kind of request.
struct Case {
    key: &'static str,
    label: &'static str,
    line: &'static str,
    expected: u64,
}

const CASES: [Case; 3] = [
    Case { key: "cart", label: "cart", line: "GET /cart", expected: 5 },
    Case { key: "preferences", label: "preferences", line: "GET /preferences", expected: 6 },
    Case { key: "orders", label: "orders, by role", line: "GET /orders", expected: 3 },
];

/// Low enough that no request waits for a connection to the slowest database.
const RATE: Pace = Pace::PerSecond(200);

/// The results of a case in one variant, run by run. Latencies are milliseconds.
#[derive(Clone, Debug, Default)]
struct Samples {
    p50: Vec<f64>,
    p99: Vec<f64>,
    rate: Vec<f64>,
    queries: Vec<f64>,
}

type Figure = fn(&Samples) -> &Vec<f64>;

const FIGURES: [(&str, &str, Figure); 4] = [
    ("p50", "ms", |samples| &samples.p50),
    ("p99", "ms", |samples| &samples.p99),
    ("rate", "per-second", |samples| &samples.rate),
    ("queries", "", |samples| &samples.queries),
];

/// By case, then without and with the cache.
pub(super) struct Results([[Samples; 2]; CASES.len()]);

impl Results {
    /// Returns the requests per second with the cache over those without, run by run.
    fn speedup(&self, case: &str) -> Spread {
        let Some([without, with]) = self.case(case) else { return Spread::of([]) };
        Spread::of(with.rate.iter().zip(&without.rate).map(|(with, without)| with / without))
    }

    fn spreads(&self, case: &str, figure: Figure) -> [Spread; 2] {
        let variants = self.case(case);
        let samples = |index: usize| variants.into_iter().flat_map(move |variants| figure(&variants[index]).clone());
        [Spread::of(samples(0)), Spread::of(samples(1))]
    }

    fn case(&self, key: &str) -> Option<&[Samples; 2]> {
        CASES.iter().zip(&self.0).find(|(case, _)| case.key == key).map(|(_, variants)| variants)
    }
}

pub(super) fn measure(setup: &mut Setup, options: &Options) -> Result<Results> {
    let mut results = Results(Default::default());
    // The first run fills the sessions and is dropped.
    for run in 0..=options.runs() {
        start_step(&format!("{}, run {run}", setup.describe()));
        for (case, variants) in CASES.iter().zip(&mut results.0) {
            for (variant, samples) in setup.variants.iter_mut().zip(variants) {
                measure_case(variant, case, samples, run > 0, options)?;
            }
        }
    }
    Ok(results)
}

fn measure_case(
    variant: &mut Variant,
    case: &Case,
    samples: &mut Samples,
    keep: bool,
    options: &Options,
) -> Result<()> {
    let workload = Workload::read(case.line, false, case.expected);
    let time = Duration::from_millis(options.size(600, 120) as u64);
    let before = variant.queries()?;
    let saturated = variant.load.run(&workload, Pace::ClosedLoop, time)?;
    let queries = variant.queries()? - before;
    let paced = variant.load.run(&workload, RATE, time)?;
    for LoadResult { failed, requests, .. } in [saturated, paced] {
        if failed > 0 {
            return Err(format!("{}: {failed} of {requests} requests failed", case.line).into());
        }
    }
    if keep {
        samples.p50.push(paced.p50 / 1000.0);
        samples.p99.push(paced.p99 / 1000.0);
        samples.rate.push(saturated.rate());
        samples.queries.push(queries as f64 / saturated.requests as f64);
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
        "ratio",
        "queries per request without",
        "with",
    ];
    let mut section = Section::new("Requests with and without a session cache", NOTE, columns);
    let unit = "ms (median), by added latency of PostgreSQL";
    let mut latency = Chart::new("gains-latency", "Latency of a request for the cart", unit);
    let unit = "requests for the cart, by added latency of PostgreSQL";
    let mut rate = Chart::new("gains-throughput", "Requests per second at saturation", unit);
    for measured in all {
        for case in &CASES {
            add_row(&mut section, measured, case);
        }
        if measured.database == DatabaseKind::Postgres {
            let group = format!("{} ms added", measured.delay);
            for (chart, figure) in [(&mut latency, FIGURES[0].2), (&mut rate, FIGURES[2].2)] {
                let [without, with] = measured.requests.spreads("cart", figure);
                chart.bar(&group, "without a session cache", without);
                chart.bar(&group, "with Cloakroom", with);
            }
        }
    }
    section.charts.extend([latency, rate]);
    section
}

fn add_row(section: &mut Section, measured: &Measured, case: &Case) {
    let key = format!("{}/{}", measured.key(), case.key);
    let mut row = vec![measured.database.label().to_owned(), measured.delay.to_string(), case.label.to_owned()];
    for (name, unit, figure) in FIGURES {
        let spreads = measured.requests.spreads(case.key, figure);
        for (variant, spread) in ["without", "with"].into_iter().zip(spreads) {
            row.push(spread.to_string());
            section.figure(format!("{key}/{variant}/{name}"), unit, spread);
        }
        if name == "rate" {
            let speedup = measured.requests.speedup(case.key);
            row.push(speedup.to_string());
            section.figure(format!("{key}/speedup"), "×", speedup);
        }
    }
    section.row(row);
}
