//! What requests feel while a million sessions are packed, and while they expire.

use std::time::Duration;

use crate::Failure;
use crate::args::Options;
use crate::measure::Spread;
use crate::report::{Section, expect, progress};

use super::scene::{Phase, Scene};

const NOTE: &str = "A steady load of typed reads of a hundred sessions, one task per worker of the runtime, while the housekeeping of one million \
    sessions that are due at once runs on the same workers. A request's latency counts from the moment its task was \
    ready to run. \"Nothing due\" is the same load without housekeeping, for as long: what the machine does by itself.";

/// Shorter than the idle timeout, so that who was seen at half time is not due.
const HALF: Duration = Duration::from_secs(16 * 60);

pub(super) fn section(options: &Options) -> Result<Section, Failure> {
    let columns =
        ["workers", "while", "took s", "ns per session", "requests", "p50 µs", "p99.9 µs", "worst µs", "resident MiB"];
    let mut section = Section::new("Requests while one million sessions are packed and expire", NOTE, columns);
    let count = options.size(1_000_000, 2000);
    expect(2);
    for workers in [1, 2] {
        progress(&format!("expiry with {workers} workers"));
        let scene = Scene::set(workers, options)?;
        scene.populate(count)?;
        let packing = due(&scene, Duration::from_secs(90))?;
        enter(&mut section, workers, "packing", count, &packing);
        let span = packing.took;
        let nothing = scene.under_load(async move { tokio::time::sleep(span).await })?;
        enter(&mut section, workers, "nothing due", count, &nothing);
        // The clients are seen in each phase and stay.
        scene.pass(HALF)?;
        let expiring = due(&scene, HALF)?;
        enter(&mut section, workers, "expiring", count, &expiring);
        match scene.left_over() {
            0 => {}
            left => return Err(format!("{left} sessions are left where none should be").into()),
        }
    }
    Ok(section)
}

/// Moves the clock and has everything done that is due, under load.
fn due(scene: &Scene, by: Duration) -> Result<Phase, Failure> {
    scene.clock.advance(by);
    let sessions = scene.sessions.clone();
    scene.under_load(async move { sessions.run_pending_tasks().await })
}

fn enter(section: &mut Section, workers: usize, what: &str, count: usize, phase: &Phase) {
    let Phase { took, latencies, resident } = phase;
    let per_session = took.as_nanos() as f64 / count as f64;
    let (middle, high, worst) =
        (latencies.quantile_micros(0.5), latencies.quantile_micros(0.999), latencies.worst_micros());
    section.row([
        workers.to_string(),
        what.to_owned(),
        format!("{:.2}", took.as_secs_f64()),
        if what == "nothing due" { "–".to_owned() } else { format!("{per_session:.0}") },
        latencies.count().to_string(),
        format!("{middle:.1}"),
        format!("{high:.1}"),
        format!("{worst:.0}"),
        (resident >> 20).to_string(),
    ]);
    let name = what.replace(' ', "-");
    for (figure, unit, value) in [("ns-per-session", "ns", per_session), ("p99.9", "µs", high), ("worst", "µs", worst)]
    {
        section.figure(format!("expiry/{name}/{workers}/{figure}"), unit, Spread::once(value));
    }
}
