use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use cloakroom::Sessions;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tower::Service as _;

use crate::args::Options;
use crate::fixtures::{Endpoint, ManualClock, Population, SeededRandom, SessionChoice, SessionCookies};
use crate::measure::Latencies;
use crate::targets::cloakroom::layered;
use crate::{Error, Result};

/// Workers of the runtime.
const WORKERS: usize = 2;
/// The number of sessions that requests read all the time. They do not expire.
const ACTIVE_SESSIONS: usize = 100;
const READ: Endpoint = Endpoint::get("/cart");
pub(super) const FILL: Endpoint = Endpoint::post("/fill");

/// A server in this process: a runtime, sessions with a manual clock, and clients that send
/// requests in a loop while something else happens.
pub(super) struct Server {
    runtime: Runtime,
    pub(super) sessions: Sessions,
    pub(super) clock: ManualClock,
    active: Population,
}

impl Server {
    pub(super) fn start(memory_limit: u64, options: &Options) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_time().build()?;
        let clock = ManualClock::new();
        let builder = Sessions::builder().clock(clock.clone()).random(SeededRandom::new(options.seed));
        let entered = runtime.enter();
        let sessions = builder.memory_limit(memory_limit).build()?;
        let active = Population::create(sessions.clone(), ACTIVE_SESSIONS, FILL)?;
        drop(entered);
        Ok(Self { runtime, sessions, clock, active })
    }

    /// Creates this many sessions at once, and returns their cookies.
    pub(super) fn create_sessions(&self, count: usize) -> Result<Arc<SessionCookies>> {
        // On a worker, as in a server: the system's allocator returns memory to the thread that
        // allocated it.
        let sessions = self.sessions.clone();
        let create = async move { Population::create(sessions, count, FILL).map(|created| created.cookies) };
        // All of it happens in one poll of the task.
        self.runtime.block_on(self.runtime.spawn(tokio::task::unconstrained(create)))?
    }

    /// Advances the clock, sends one request of every active session and runs the pending tasks.
    pub(super) fn advance(&self, by: Duration) -> Result<()> {
        self.clock.advance(by);
        let mut service = layered(&self.sessions);
        let mut next_request = SessionChoice::EachOnce.requests(READ, Arc::clone(&self.active.cookies), 0, (0, 1));
        self.runtime.block_on(async {
            for _ in 0..ACTIVE_SESSIONS {
                let Ok(response) = service.call(next_request()).await;
                if !response.status().is_success() {
                    return Err(Error::from(format!("a request failed: {}", response.status())));
                }
            }
            self.sessions.run_pending_tasks().await;
            Ok(())
        })
    }

    /// Sends requests of the active sessions on every worker until `work` is done, which returns the
    /// latencies of its own requests. Returns those of all requests.
    pub(super) fn run_under_load(
        &self,
        work: impl Future<Output = Result<Latencies>> + Send + 'static,
    ) -> Result<Latencies> {
        let stop = Arc::new(AtomicBool::new(false));
        let load: Vec<_> = (0..WORKERS).map(|worker| self.spawn_load(worker, Arc::clone(&stop))).collect();
        let done = self.runtime.block_on(self.runtime.spawn(work));
        stop.store(true, Relaxed);
        let mut latencies = done??;
        for load in load {
            latencies.add(&self.runtime.block_on(load)??)?;
        }
        Ok(latencies)
    }

    fn spawn_load(&self, worker: usize, stop: Arc<AtomicBool>) -> JoinHandle<Result<Latencies>> {
        let (cookies, choice) = (Arc::clone(&self.active.cookies), SessionChoice::Random(ACTIVE_SESSIONS));
        let next_request = choice.requests(READ, cookies, worker as u64, (0, 1));
        self.runtime.spawn(send(layered(&self.sessions), next_request, move || !stop.load(Relaxed)))
    }

    /// Returns the number of sessions without the active ones.
    pub(super) fn other_sessions(&self) -> u64 {
        self.sessions.stats().sessions.saturating_sub(ACTIVE_SESSIONS as u64)
    }
}

/// Sends requests one after the other while `continues` returns `true`. A latency counts from when
/// the task was ready to run: a request waits for whatever its worker does before.
pub(super) async fn send(
    mut service: Router,
    mut next_request: impl FnMut() -> Request,
    mut continues: impl FnMut() -> bool,
) -> Result<Latencies> {
    let mut latencies = Latencies::new()?;
    while continues() {
        let request = next_request();
        let ready = Instant::now();
        tokio::task::yield_now().await;
        let Ok(response) = service.call(request).await;
        latencies.record(ready.elapsed());
        if !response.status().is_success() {
            return Err(format!("a request failed: {}", response.status()).into());
        }
    }
    Ok(latencies)
}
