//! What requests feel while a million sessions are packed, and while they expire.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use cloakroom::Sessions;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tower::Service as _;

use crate::args::Options;
use crate::measure::{Latencies, Spread};
use crate::report::{Section, progress};
use crate::world::{Ask, HandClock, Pick, Population, Seeded, layered};
use crate::{Failure, machine};

const NOTE: &str = "A steady load of typed reads, one task per worker of the runtime, while the housekeeping of one million \
    sessions that are due at once runs on the same workers. A request's latency counts from the moment its task was \
    ready to run. \"Nothing due\" is the same load without housekeeping, for as long: what the machine does by itself.";

/// Shorter than the idle timeout, so that who was seen at half time is not due.
const HALF: Duration = Duration::from_secs(16 * 60);

pub(super) fn run(options: &Options) -> Result<Vec<Section>, Failure> {
    let columns =
        ["workers", "while", "took s", "ns per session", "requests", "p50 µs", "p99.9 µs", "worst µs", "resident MiB"];
    let mut section = Section::new("Requests while one million sessions are packed and expire", NOTE, columns);
    for workers in [1, 2] {
        progress(&format!("expiry with {workers} workers"));
        let runtime = Builder::new_multi_thread().worker_threads(workers).enable_time().build()?;
        let scene = Scene::set(runtime, workers, options)?;
        // The loaded session is seen in each phase and stays.
        let packing = scene.phase(Duration::from_secs(90))?;
        scene.enter(&mut section, "packing", &packing);
        let nothing = scene.idle_phase(packing.took)?;
        scene.enter(&mut section, "nothing due", &nothing);
        drop(scene.phase(HALF)?);
        let expiring = scene.phase(HALF)?;
        scene.enter(&mut section, "expiring", &expiring);
        let left = scene.sessions.stats().sessions;
        if left != 1 {
            return Err(format!("{left} sessions are left where 1 should be").into());
        }
    }
    Ok(vec![section])
}

/// A server with its sessions and its clients.
struct Scene {
    runtime: Runtime,
    workers: usize,
    sessions: Sessions,
    clock: HandClock,
    count: usize,
    client: Arc<Population>,
}

/// What one stretch of time was like.
struct Phase {
    took: Duration,
    latencies: Latencies,
    resident: u64,
}

impl Scene {
    fn set(runtime: Runtime, workers: usize, options: &Options) -> Result<Self, Failure> {
        let clock = HandClock::new();
        let builder = Sessions::builder().clock(clock.clone()).random(Seeded::new(options.seed));
        let sessions = builder.max_bytes(16 << 30).build()?;
        let count = options.size(1_000_000, 2000);
        // On a worker, as in a server: the system's allocator gives memory back to the thread that took it.
        let visited = sessions.clone();
        let arrive = async move { Population::of(visited, count, Ask::post("/cart/new")).map(drop) };
        // Unconstrained, because all of them arrive within one turn of the task.
        runtime.block_on(runtime.spawn(tokio::task::unconstrained(arrive)))??;
        let entered = runtime.enter();
        let client = Population::of(sessions.clone(), 1, Ask::post("/cart/new"))?;
        drop(entered);
        Ok(Self { runtime, workers, sessions, clock, count, client })
    }

    /// Moves the clock and has everything done that is due, under load.
    fn phase(&self, by: Duration) -> Result<Phase, Failure> {
        self.clock.advance(by);
        let sessions = self.sessions.clone();
        self.under_load(async move { sessions.run_due().await })
    }

    /// The same load with nothing to do beside it.
    fn idle_phase(&self, span: Duration) -> Result<Phase, Failure> {
        self.under_load(tokio_sleep(span))
    }

    fn under_load(&self, work: impl Future<Output = ()> + Send + 'static) -> Result<Phase, Failure> {
        let over = Arc::new(AtomicBool::new(false));
        let load: Vec<_> = (0..self.workers).map(|_| self.load(Arc::clone(&over))).collect();
        let began = Instant::now();
        let work = self.runtime.spawn(work);
        let done = self.runtime.block_on(work);
        let took = began.elapsed();
        over.store(true, Relaxed);
        done?;
        let mut latencies = Latencies::new()?;
        for load in load {
            latencies.add(&self.runtime.block_on(load)??)?;
        }
        Ok(Phase { took, latencies, resident: machine::resident_bytes().unwrap_or(0) })
    }

    /// Sends requests one after the other until it is over.
    fn load(&self, over: Arc<AtomicBool>) -> JoinHandle<Result<Latencies, Failure>> {
        let mut service = layered(&self.sessions);
        let mut next = Pick::One.requests(Ask::get("/cart"), Arc::clone(&self.client), 0, (0, 1));
        self.runtime.spawn(async move {
            let mut latencies = Latencies::new()?;
            while !over.load(Relaxed) {
                let request = next();
                let ready = Instant::now();
                // Whatever the worker does before it comes back is what a request waits for.
                tokio::task::yield_now().await;
                let Ok(response) = service.call(request).await;
                latencies.record(ready.elapsed());
                if !response.status().is_success() {
                    return Err(format!("a request was answered with {}", response.status()).into());
                }
            }
            Ok(latencies)
        })
    }

    fn enter(&self, section: &mut Section, what: &str, phase: &Phase) {
        let Phase { took, latencies, resident } = phase;
        let per_session = took.as_nanos() as f64 / self.count as f64;
        let (middle, high, worst) =
            (latencies.quantile_micros(0.5), latencies.quantile_micros(0.999), latencies.worst_micros());
        section.row([
            self.workers.to_string(),
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
        for (figure, unit, value) in
            [("ns-per-session", "ns", per_session), ("p99.9", "µs", high), ("worst", "µs", worst)]
        {
            section.figure(format!("expiry/{name}/{}/{figure}", self.workers), unit, Spread::once(value));
        }
    }
}

async fn tokio_sleep(span: Duration) {
    tokio::time::sleep(span).await;
}
