//! Latency of requests while a million sessions are packed, and while they expire.

use std::time::Duration;

use crate::Result;
use crate::args::Options;
use crate::report::{Section, single, start_step};

use super::server::{LoadResult, Server};

const NOTE: &str = "Typed reads of a hundred sessions, one task per worker of the runtime, while the maintenance of one \
    million sessions that are due at once runs on the same workers. A latency counts from when the task was ready to run. \
    \"Nothing due\" is the same load for as long without maintenance: the machine's own noise.";

/// Shorter than the idle timeout, so that a session that is read at this time does not expire.
const HALF: Duration = Duration::from_secs(16 * 60);

pub(super) fn section(options: &Options) -> Result<Section> {
    let columns =
        ["workers", "phase", "took s", "ns per session", "requests", "p50 µs", "p99.9 µs", "max µs", "resident MiB"];
    let mut section = Section::new("Requests while one million sessions are packed and expire", NOTE, columns);
    let count = options.size(1_000_000, 2000);
    for workers in [1, 2] {
        start_step(&format!("expiry with {workers} workers"));
        let server = Server::start(workers, options)?;
        server.create_sessions(count)?;
        let packing = run_due_tasks(&server, Duration::from_secs(90))?;
        add_row(&mut section, workers, "packing", count, &packing);
        let took = packing.took;
        let nothing = server.run_under_load(async move { tokio::time::sleep(took).await })?;
        add_row(&mut section, workers, "nothing due", count, &nothing);
        server.advance(HALF)?;
        let expiring = run_due_tasks(&server, HALF)?;
        add_row(&mut section, workers, "expiring", count, &expiring);
        let remaining = server.other_sessions();
        if remaining > 0 {
            return Err(format!("{remaining} sessions remain after their expiry").into());
        }
    }
    Ok(section)
}

/// Advances the clock and runs all due tasks under load.
fn run_due_tasks(server: &Server, by: Duration) -> Result<LoadResult> {
    server.clock.advance(by);
    let sessions = server.sessions.clone();
    server.run_under_load(async move { sessions.run_pending_tasks().await })
}

fn add_row(section: &mut Section, workers: usize, phase: &str, count: usize, result: &LoadResult) {
    let LoadResult { took, latencies, resident } = result;
    let per_session = single("ns-per-session", "ns", took.as_nanos() as f64 / count as f64).decimals(0);
    let values = [
        single("took", "s", took.as_secs_f64()).decimals(2),
        if phase == "nothing due" { per_session.with_text("–") } else { per_session },
        single("requests", "", latencies.count() as f64),
        single("p50", "µs", latencies.quantile_micros(0.5)).decimals(1),
        single("p99.9", "µs", latencies.quantile_micros(0.999)).decimals(1),
        single("max", "µs", latencies.max_micros()).decimals(0),
        single("resident", "MiB", (resident >> 20) as f64),
    ];
    let key = format!("expiry/{}/{workers}", phase.replace(' ', "-"));
    section.measured_row(&[&workers.to_string(), phase], &key, values);
}
