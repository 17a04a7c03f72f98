//! Latency of requests while sessions are created and expire all the time.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::Sessions;
use tower::Service as _;

use crate::Result;
use crate::args::Options;
use crate::fixtures::{Endpoint, ManualClock, SessionChoice, SessionCookies};
use crate::measure::Spread;
use crate::report::{Chart, Section, single, start_step};
use crate::targets::cloakroom::layered;

use super::server::{LoadResult, Server};

const NOTE: &str = "In every minute of a manual clock a thirtieth of the sessions is created, as many are packed and as \
    many expire (idle timeout 30 minutes). Two workers do that as fast as they can, and serve typed reads of a hundred \
    other sessions meanwhile, whose latencies these are. On a server the same churn takes half an hour per population.";

const MINUTES: u32 = 30;
const MINUTE: Duration = Duration::from_secs(60);
/// The number of sessions that are created and expire during a measurement.
const CHURNED: usize = 300_000;
/// The number of sessions that are created between two yields to other tasks.
const YIELD_INTERVAL: usize = 16;

pub(super) fn section(options: &Options) -> Result<Section> {
    let columns = ["sessions", "created and expired", "per second", "reads", "p50 µs", "p99.9 µs", "max µs"];
    let mut section = Section::new("Requests during churn", NOTE, columns);
    let mut chart = Chart::new("churn", "Reads while sessions are created and expire", "µs, by number of sessions");
    for count in super::sizes(options) {
        start_step(&format!("churn of {count} sessions"));
        let server = Server::start(2, options)?;
        let per_minute = count / MINUTES as usize;
        for _ in 0..MINUTES {
            server.create_sessions(per_minute)?;
            server.advance(MINUTE)?;
        }
        let minutes = (options.size(CHURNED, 600) / per_minute).max(2);
        let work = churn(server.sessions.clone(), server.clock.clone(), minutes, per_minute);
        let result = server.run_under_load(work)?;
        add_row(&mut section, &mut chart, count, minutes * per_minute, &result);
        // The sessions of the current and the next minute may or may not have expired.
        let remaining = server.other_sessions() as usize;
        if remaining.abs_diff(count) > 2 * per_minute {
            return Err(format!("{remaining} sessions remain instead of {count}").into());
        }
    }
    section.charts.push(chart);
    Ok(section)
}

async fn churn(sessions: Sessions, clock: ManualClock, minutes: usize, per_minute: usize) {
    let mut service = layered(&sessions);
    let no_cookies = Arc::new(SessionCookies::with_capacity(0));
    let mut next_request = SessionChoice::Without.requests(Endpoint::post("/fill"), no_cookies, 0, (0, 1));
    for _ in 0..minutes {
        for index in 0..per_minute {
            let Ok(_response) = service.call(next_request()).await;
            if index % YIELD_INTERVAL == 0 {
                tokio::task::yield_now().await;
            }
        }
        clock.advance(MINUTE);
        sessions.run_pending_tasks().await;
    }
}

fn add_row(section: &mut Section, chart: &mut Chart, count: usize, churned: usize, result: &LoadResult) {
    let LoadResult { took, latencies, .. } = result;
    let [p50, p999] = [0.5, 0.999].map(|quantile| latencies.quantile_micros(quantile));
    let values = [
        single("churned", "", churned as f64),
        single("rate", "per-second", churned as f64 / took.as_secs_f64()).decimals(0),
        single("reads", "", latencies.count() as f64),
        single("p50", "µs", p50).decimals(1),
        single("p99.9", "µs", p999).decimals(1),
        single("max", "µs", latencies.max_micros()).decimals(0),
    ];
    section.measured_row(&[&count.to_string()], &format!("scale/churn/{count}"), values);
    chart.bar(&count.to_string(), "p50", Spread::once(p50));
    chart.bar(&count.to_string(), "p99.9", Spread::once(p999));
}
