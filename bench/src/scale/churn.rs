//! What requests feel while sessions come and go all the time.

use std::time::Duration;

use cloakroom::Sessions;
use tower::Service as _;

use crate::Failure;
use crate::args::Options;
use crate::measure::Spread;
use crate::report::{Chart, Section, Series, expect, progress};
use crate::world::{Ask, HandClock, Pick, layered};

use super::scene::{Phase, Scene};

const NOTE: &str = "So many sessions stand all the time: in every minute of a clock that runs ahead a thirtieth of them arrives, as many are packed and as many expire \
    (idle timeout 30 minutes). Two workers do that without a pause, as fast as they can, and serve typed reads of a hundred other sessions meanwhile, whose latencies \
    these are. On a server the same churn takes half an hour per population.";

const MINUTES: u32 = 30;
const MINUTE: Duration = Duration::from_secs(60);
/// How many sessions come and go in a measurement.
const CHURNED: usize = 300_000;
/// A visitor's task comes back to its worker after so many, as requests do.
const TURN: usize = 16;

pub(super) fn section(options: &Options) -> Result<Section, Failure> {
    let columns = ["sessions", "arrived and expired", "per second", "reads", "p50 µs", "p99.9 µs", "worst µs"];
    let mut section = Section::new("Requests while sessions come and go", NOTE, columns);
    let mut lines = ["p50", "p99.9"].map(|name| Series { name: name.to_owned(), points: Vec::new() });
    let largest = options.size(10_000_000, 10_000);
    let sizes = [10_000, 100_000, 1_000_000, 10_000_000].into_iter().filter(|count| *count <= largest);
    expect(sizes.clone().count());
    for count in sizes {
        progress(&format!("churn of {count} sessions"));
        let scene = Scene::set(2, options)?;
        let arriving = count / MINUTES as usize;
        for _ in 0..MINUTES {
            scene.populate(arriving)?;
            scene.pass(MINUTE)?;
        }
        let minutes = (options.size(CHURNED, 600) / arriving).max(2);
        let phase = scene.under_load(churn(scene.sessions.clone(), scene.clock.clone(), minutes, arriving))?;
        enter(&mut section, &mut lines, count, minutes * arriving, &phase);
        let standing = scene.left_over() as usize;
        // Who came in the last minutes, give or take those that are due this very minute.
        if standing.abs_diff(count) > 2 * arriving {
            return Err(format!("{standing} sessions stand where {count} should").into());
        }
    }
    let mut chart = Chart::lines("churn", "Reads while sessions come and go", "µs per request", "sessions");
    lines.into_iter().for_each(|line| chart.line(line));
    section.chart(chart);
    Ok(section)
}

async fn churn(sessions: Sessions, clock: HandClock, minutes: usize, arriving: usize) {
    let mut service = layered(&sessions);
    let nobody = std::sync::Arc::new(crate::world::Cookies::room(0));
    let mut next = Pick::Nobody.requests(Ask::post("/cart/new"), nobody, 0, (0, 1));
    for _ in 0..minutes {
        for visitor in 0..arriving {
            let Ok(_response) = service.call(next()).await;
            if visitor % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        clock.advance(MINUTE);
        sessions.run_pending_tasks().await;
    }
}

fn enter(section: &mut Section, lines: &mut [Series; 2], count: usize, churned: usize, phase: &Phase) {
    let Phase { took, latencies, .. } = phase;
    let rate = churned as f64 / took.as_secs_f64();
    let [middle, high] = [0.5, 0.999].map(|quantile| latencies.quantile_micros(quantile));
    section.row([
        count.to_string(),
        churned.to_string(),
        format!("{rate:.0}"),
        latencies.count().to_string(),
        format!("{middle:.1}"),
        format!("{high:.1}"),
        format!("{:.0}", latencies.worst_micros()),
    ]);
    for (figure, unit, value) in [
        ("rate", "per-second", rate),
        ("p50", "µs", middle),
        ("p99.9", "µs", high),
        ("worst", "µs", latencies.worst_micros()),
    ] {
        section.figure(format!("scale/churn/{count}/{figure}"), unit, Spread::once(value));
    }
    for (line, value) in lines.iter_mut().zip([middle, high]) {
        line.points.push((count as f64, Spread::once(value)));
    }
}
