//! A server in this process: its runtime, its sessions under a clock that is moved by hand, and clients
//! that ask without a pause while something else goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use cloakroom::Sessions;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tower::Service as _;

use crate::args::Options;
use crate::measure::Latencies;
use crate::world::{Ask, HandClock, Pick, Population, Seeded, layered};
use crate::{Failure, machine};

/// How many sessions are asked for all the time; they stay when others expire.
const CLIENTS: usize = 100;

pub(super) struct Scene {
    runtime: Runtime,
    pub(super) workers: usize,
    pub(super) sessions: Sessions,
    pub(super) clock: HandClock,
    clients: Population,
}

/// What one stretch of time was like.
pub(super) struct Phase {
    pub(super) took: Duration,
    pub(super) latencies: Latencies,
    pub(super) resident: u64,
}

impl Scene {
    pub(super) fn set(workers: usize, options: &Options) -> Result<Self, Failure> {
        let runtime = Builder::new_multi_thread().worker_threads(workers).enable_time().build()?;
        let clock = HandClock::new();
        let builder = Sessions::builder().clock(clock.clone()).random(Seeded::new(options.seed));
        let entered = runtime.enter();
        let sessions = builder.max_bytes(16 << 30).build()?;
        let clients = Population::of(sessions.clone(), CLIENTS, Ask::post("/cart/new"))?;
        drop(entered);
        Ok(Self { runtime, workers, sessions, clock, clients })
    }

    /// Has so many visitors come at once.
    pub(super) fn populate(&self, count: usize) -> Result<(), Failure> {
        // On a worker, as in a server: the system's allocator gives memory back to the thread that took it.
        let sessions = self.sessions.clone();
        let arrive = async move { Population::of(sessions, count, Ask::post("/cart/new")).map(drop) };
        // Unconstrained, because all of them arrive within one turn of the task.
        self.runtime.block_on(self.runtime.spawn(tokio::task::unconstrained(arrive)))?
    }

    /// Moves the clock and does what is due, without load but for one visit of every client.
    pub(super) fn pass(&self, by: Duration) -> Result<(), Failure> {
        self.clock.advance(by);
        let mut service = layered(&self.sessions);
        let mut next = Pick::Each.requests(Ask::get("/cart"), Arc::clone(&self.clients.cookies), 0, (0, 1));
        self.runtime.block_on(async {
            for _ in 0..CLIENTS {
                let Ok(response) = service.call(next()).await;
                if !response.status().is_success() {
                    return Err(Failure::from(format!("a request was answered with {}", response.status())));
                }
            }
            self.sessions.run_pending_tasks().await;
            Ok(())
        })
    }

    /// Has the clients ask while `work` goes on.
    pub(super) fn under_load(&self, work: impl Future<Output = ()> + Send + 'static) -> Result<Phase, Failure> {
        let over = Arc::new(AtomicBool::new(false));
        let load: Vec<_> = (0..self.workers).map(|worker| self.load(worker, Arc::clone(&over))).collect();
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
    fn load(&self, worker: usize, over: Arc<AtomicBool>) -> JoinHandle<Result<Latencies, Failure>> {
        let mut service = layered(&self.sessions);
        let cookies = Arc::clone(&self.clients.cookies);
        let mut next = Pick::Random(CLIENTS).requests(Ask::get("/cart"), cookies, worker as u64, (0, 1));
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

    /// Sessions that are neither the clients' nor expected.
    pub(super) fn left_over(&self) -> u64 {
        self.sessions.stats().sessions.saturating_sub(CLIENTS as u64)
    }
}
