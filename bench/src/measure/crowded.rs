use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tower::Service;

use crate::Failure;

use super::allocations;

/// A worker goes on with another of so many requests where one has to wait, as in a server.
const TASKS: usize = 4;

/// Nanoseconds of a thread per request, on so many threads at once: what they took together, over how
/// many they answered. Making the requests is included; take the difference to the same with bare axum.
///
/// For libraries in which a request may wait for another, which [`Subject`](super::Subject) does not allow.
pub(crate) fn time_crowded<N>(
    threads: usize,
    count: usize,
    app: &Router,
    requests: impl Fn(usize) -> N + Sync,
) -> Result<f64, Failure>
where
    N: FnMut() -> Request + Send + 'static,
{
    let start = Barrier::new(threads);
    let worker = |thread: usize| -> Result<f64, Failure> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let local = LocalSet::new();
        let tasks = (0..TASKS).map(|task| {
            let visit = visit(app.clone(), requests(thread * TASKS + task), count / TASKS);
            local.spawn_local(visit)
        });
        let tasks: Vec<_> = tasks.collect();
        start.wait();
        let (mut took, mut outcome) = (0.0, Ok(()));
        allocations::uncounted(|| {
            let began = Instant::now();
            outcome = runtime.block_on(local.run_until(async {
                for task in tasks {
                    task.await??;
                }
                Ok(())
            }));
            took = began.elapsed().as_nanos() as f64;
        });
        outcome.map(|()| took / (count / TASKS * TASKS) as f64)
    };
    let total = thread::scope(|scope| {
        let worker = &worker;
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || worker(thread))).collect();
        let join =
            |run: thread::ScopedJoinHandle<'_, Result<f64, Failure>>| run.join().map_err(|_| "a thread panicked")?;
        workers.into_iter().map(join).sum::<Result<f64, Failure>>()
    })?;
    Ok(total / threads as f64)
}

async fn visit(mut app: Router, mut next: impl FnMut() -> Request, count: usize) -> Result<(), Failure> {
    for _ in 0..count {
        let Ok(response) = app.call(next()).await;
        if !response.status().is_success() {
            return Err(format!("a request was answered with {}", response.status()).into());
        }
    }
    Ok(())
}

/// In how many parts [`time_crowded`] asks for requests.
pub(crate) const fn shares(threads: usize) -> usize {
    threads * TASKS
}
