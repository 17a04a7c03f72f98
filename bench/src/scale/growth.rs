//! The cost of a request and of a session as the number of sessions grows.

use std::sync::Arc;
use std::time::Instant;

use cloakroom::Sessions;

use crate::args::Options;
use crate::fixtures::{Endpoint, SeededRandom, SessionChoice, SessionCookies, session_creator};
use crate::measure::{InProcessClient, Spread, time_together, with_idle_runtime};
use crate::report::{Chart, Section, single, start_step, value};
use crate::targets::bare;
use crate::targets::cloakroom::layered;
use crate::{Result, machine};

const NOTE: &str = "Random reads and updates of the compact cart, over bare axum, one thread. All populations are in \
    memory at the same time and are measured in turn. \"Growth\" is against 10 thousand sessions. Bytes are resident \
    memory. Sessions are created by requests, with seeded randomness.";

/// A population and the cost of its creation.
struct Size {
    count: usize,
    sessions: Sessions,
    cookies: Arc<SessionCookies>,
    created_per_second: f64,
    bytes_per_session: f64,
}

/// The nanoseconds over bare axum, by run, then by size.
type Runs = Vec<Vec<f64>>;

pub(super) fn section(options: &Options) -> Result<Section> {
    let columns = ["sessions", "read ns", "growth", "update ns", "growth", "bytes per session", "created per second"];
    let mut section = Section::new("From 10 thousand to 10 million sessions", NOTE, columns).on_page();
    let unit = "ns over bare axum, by number of sessions";
    let mut chart = Chart::new("scale", "Cost of a request among many sessions", unit);
    with_idle_runtime(|_| {
        let sizes = super::sizes(options).map(|count| populate(count, options)).collect::<Result<Vec<_>>>()?;
        let reads = measure(Endpoint::get("/compact"), &sizes, options)?;
        let updates = measure(Endpoint::post("/compact/add"), &sizes, options)?;
        for (index, size) in sizes.iter().enumerate() {
            add_row(&mut section, &mut chart, size, index, [&reads, &updates]);
        }
        section.charts.push(chart);
        Ok(section)
    })
}

fn populate(count: usize, options: &Options) -> Result<Size> {
    start_step(&format!("creating {count} sessions"));
    let sessions = Sessions::builder().random(SeededRandom::new(options.seed)).memory_limit(64 << 30).build()?;
    let mut cookies = SessionCookies::with_capacity(count);
    let mut creator = session_creator(layered(&sessions), Endpoint::post("/compact/fill"));
    let (before, began) = (machine::resident_bytes("self")?, Instant::now());
    cookies.create_sessions(&mut creator, 1, || ())?;
    let created_per_second = count as f64 / began.elapsed().as_secs_f64();
    let bytes_per_session = machine::resident_bytes("self")?.saturating_sub(before) as f64 / count as f64;
    Ok(Size { count, sessions, cookies: Arc::new(cookies), created_per_second, bytes_per_session })
}

/// Measures all sizes in turn. The first run warms up and is dropped.
fn measure(endpoint: Endpoint, sizes: &[Size], options: &Options) -> Result<Runs> {
    let count = options.size(100_000, 500);
    let mut runs = Vec::new();
    for run in 0..=options.runs() {
        start_step(&format!("{} run {run}", endpoint.path));
        let seed = options.seed.wrapping_add(run.into());
        let measure_size = |size: &Size| -> Result<f64> {
            let choice = SessionChoice::Random(size.count);
            let requests = || choice.requests(endpoint, Arc::clone(&size.cookies), seed, (0, 1));
            let bare = time_together(&mut [InProcessClient::new(bare::app(), requests())], count)?;
            let with = time_together(&mut [InProcessClient::new(layered(&size.sessions), requests())], count)?;
            Ok(with - bare)
        };
        runs.push(sizes.iter().map(measure_size).collect::<Result<Vec<_>>>()?);
    }
    Ok(runs.split_off(1))
}

fn add_row(section: &mut Section, chart: &mut Chart, size: &Size, index: usize, [reads, updates]: [&Runs; 2]) {
    let time = |runs: &Runs| Spread::of(runs.iter().map(|run| run[index]));
    let growth = |runs: &Runs| Spread::of(runs.iter().map(|run| run[index] / run[0]));
    let count = size.count.to_string();
    let values = [
        value("read/ns", "ns", time(reads)),
        value("read/growth", "×", growth(reads)),
        value("update/ns", "ns", time(updates)),
        value("update/growth", "×", growth(updates)),
        single("memory", "B", size.bytes_per_session).decimals(0),
        single("created", "per-second", size.created_per_second).decimals(0),
    ];
    section.measured_row(&[&count], &format!("scale/growth/{count}"), values);
    chart.bar(&count, "read", time(reads));
    chart.bar(&count, "update", time(updates));
}
