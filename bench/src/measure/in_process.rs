use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tower::Service;

use crate::Result;

use super::allocations::{Allocations, allocations_per, without_counting};
use super::spread::Spread;

/// The number of requests that are created ahead of the timed code: enough that reading the clock
/// costs little, few enough to stay in the processor's cache, as a request does that just arrived.
const BATCH: usize = 64;

/// The number of requests that each of several threads sends before it is timed.
pub(crate) const WARM_UP: usize = 64;

/// A service that is called without a network, and the source of its requests.
pub(crate) struct InProcessClient {
    send: Box<dyn FnMut(Request) -> Option<Response> + Send>,
    next_request: Box<dyn FnMut() -> Request + Send>,
}

impl InProcessClient {
    pub(crate) fn new<S>(mut service: S, next_request: impl FnMut() -> Request + Send + 'static) -> Self
    where
        S: Service<Request, Response = Response<Body>, Error = std::convert::Infallible> + Send + 'static,
    {
        // Nothing waits in memory, so one poll is enough; a runtime would add its own cost to both
        // sides.
        let send = move |request| service.call(request).now_or_never().and_then(Result::ok);
        Self { send: Box::new(send), next_request: Box::new(next_request) }
    }

    /// Returns the mean nanoseconds per request, without the slowest twentieth of the batches.
    pub(crate) fn time(&mut self, count: usize) -> Result<f64> {
        let mut batches = Vec::with_capacity(count.div_ceil(BATCH));
        let mut requests = Vec::with_capacity(BATCH);
        let mut outcome = Ok(());
        without_counting(|| {
            for start in (0..count).step_by(BATCH) {
                requests.extend((start..count.min(start + BATCH)).map(|_| (self.next_request)()));
                let size = requests.len();
                let began = Instant::now();
                let sent = requests.drain(..).try_for_each(|request| self.send(request).map(drop));
                batches.push(began.elapsed().as_nanos() as f64 / size as f64);
                outcome = std::mem::replace(&mut outcome, Ok(())).and(sent);
            }
        });
        outcome?;
        batches.sort_by(f64::total_cmp);
        batches.truncate((batches.len() * 19).div_ceil(20));
        Ok(batches.iter().sum::<f64>() / batches.len() as f64)
    }

    /// Returns the mean allocations per request.
    pub(crate) fn allocations(&mut self, count: usize) -> Result<Allocations> {
        let batch: Vec<Request> = (0..count).map(|_| (self.next_request)()).collect();
        let mut outcome = Ok(());
        let allocations = allocations_per(count, || {
            outcome = batch.into_iter().try_for_each(|request| self.send(request).map(drop));
        });
        outcome.map(|()| allocations)
    }

    /// Sends one request and returns the response.
    pub(crate) fn send_one(&mut self) -> Result<Response> {
        let request = (self.next_request)();
        self.send(request)
    }

    fn send(&mut self, request: Request) -> Result<Response> {
        let response = (self.send)(request).ok_or("a request in memory had to wait")?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(format!("a request failed: {}", response.status()).into()),
        }
    }
}

/// The sides of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Without the measured code.
    Bare,
    /// With the least code that does the same, written by hand.
    Floor,
    /// With the measured code.
    With,
}

/// The result of a comparison. Times are nanoseconds per request.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) bare: Spread,
    pub(crate) with: Spread,
    /// The spread of the differences of neighbouring runs, not the difference of the medians.
    pub(crate) difference: Spread,
    pub(crate) ratio: Spread,
    /// The differences between the floor and bare; `None` if the floor was not measured.
    pub(crate) floor: Option<Spread>,
    pub(crate) additional_allocations: Allocations,
}

impl Comparison {
    /// Returns how many times as much the measured code costs as the floor, both over bare.
    pub(crate) fn over_floor(&self) -> Option<f64> {
        self.floor.map(|floor| self.difference.median / floor.median)
    }
}

/// Times all sides in turn. `make` creates a client for a side and a thread, outside the timed
/// code.
pub(crate) fn compare(
    runs: u32,
    threads: usize,
    count: usize,
    has_floor: bool,
    mut make: impl FnMut(Side, usize) -> Result<InProcessClient>,
) -> Result<Comparison> {
    let (mut pairs, mut floors) = (Vec::new(), Vec::new());
    // The first run warms up caches, branch predictors and the allocator, and is dropped.
    for _ in 0..=runs {
        let mut time = |side| {
            let clients = (0..threads).map(|thread| make(side, thread)).collect::<Result<Vec<_>>>();
            time_together(&mut clients?, count)
        };
        let bare = time(Side::Bare)?;
        if has_floor {
            floors.push((bare, time(Side::Floor)?));
        }
        pairs.push((bare, time(Side::With)?));
    }
    let pairs = &pairs[1..];
    let mut allocations = |side| make(side, 0)?.allocations(count.min(1000));
    let additional_allocations = allocations(Side::With)? - allocations(Side::Bare)?;
    let [bare, with] = Spread::of_pairs(pairs);
    let (difference, ratio) = (Spread::of_differences(pairs), Spread::of_ratios(pairs));
    let floor = floors.get(1..).map(Spread::of_differences);
    Ok(Comparison { bare, with, difference, ratio, floor, additional_allocations })
}

/// Times all clients at once, each on a thread, and returns the mean nanoseconds per request.
pub(crate) fn time_together(clients: &mut [InProcessClient], count: usize) -> Result<f64> {
    if let [client] = clients {
        return client.time(count);
    }
    let threads = clients.len();
    let start = Barrier::new(threads);
    let runtime = Handle::current();
    let timed = |client: &mut InProcessClient| {
        let _entered = runtime.enter();
        let warm_up = client.time(WARM_UP);
        start.wait();
        warm_up.and_then(|_| client.time(count))
    };
    mean_of_threads(clients.iter_mut().map(|client| || timed(client)).collect())
}

/// Runs each closure on a thread and returns the mean of their results.
pub(super) fn mean_of_threads(work: Vec<impl FnOnce() -> Result<f64> + Send>) -> Result<f64> {
    let threads = work.len();
    let total = thread::scope(|scope| {
        let running: Vec<_> = work.into_iter().map(|work| scope.spawn(work)).collect();
        let join =
            |thread: thread::ScopedJoinHandle<'_, Result<f64>>| thread.join().map_err(|_| "a thread panicked")?;
        running.into_iter().map(join).sum::<Result<f64>>()
    })?;
    Ok(total / threads as f64)
}
