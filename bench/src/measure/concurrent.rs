use std::sync::Barrier;
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tower::Service;

use crate::Result;

use super::allocations::without_counting;
use super::in_process::mean_of_threads;

/// The number of requests in flight per thread: while one waits, its thread continues with another,
/// as in a server.
const TASKS: usize = 4;

/// Returns the thread time per request in nanoseconds, on this many threads at once.
///
/// It includes creating the requests; take the difference to the same with bare axum. It is for
/// libraries in which a request may wait for another, which
/// [`InProcessClient`](super::InProcessClient) does not allow.
pub(crate) fn time_concurrent<N>(
    threads: usize,
    count: usize,
    app: &Router,
    requests: impl Fn(usize) -> N + Sync,
) -> Result<f64>
where
    N: FnMut() -> Request + Send + 'static,
{
    let start = Barrier::new(threads);
    let worker = |thread: usize| -> Result<f64> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let local = LocalSet::new();
        let tasks = (0..TASKS).map(|task| {
            let client = send_all(app.clone(), requests(thread * TASKS + task), count / TASKS);
            local.spawn_local(client)
        });
        let tasks: Vec<_> = tasks.collect();
        start.wait();
        let (mut took, mut outcome) = (0.0, Ok(()));
        without_counting(|| {
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
    let worker = &worker;
    mean_of_threads((0..threads).map(|thread| move || worker(thread)).collect())
}

async fn send_all(mut app: Router, mut next_request: impl FnMut() -> Request, count: usize) -> Result<()> {
    for _ in 0..count {
        let Ok(response) = app.call(next_request()).await;
        if !response.status().is_success() {
            return Err(format!("a request failed: {}", response.status()).into());
        }
    }
    Ok(())
}

/// The number of request sources that [`time_concurrent`] asks for.
pub(crate) const fn sources(threads: usize) -> usize {
    threads * TASKS
}
