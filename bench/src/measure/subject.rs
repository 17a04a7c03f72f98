use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt;
use tower::Service;

use crate::Failure;

use super::allocations::{self, Allocations};

/// How many requests are made ahead, outside the timed stretch: enough to make reading the clock
/// negligible, few enough to stay in the processor's cache, as a request that just arrived does.
const BATCH: usize = 64;

/// A service under measurement and the requests it gets.
pub(crate) struct Subject {
    send: Box<dyn FnMut(Request) -> Option<Response> + Send>,
    next: Box<dyn FnMut() -> Request + Send>,
}

impl Subject {
    pub(crate) fn new<S>(mut service: S, next: impl FnMut() -> Request + Send + 'static) -> Self
    where
        S: Service<Request, Response = Response<Body>, Error = std::convert::Infallible> + Send + 'static,
    {
        // In memory nothing ever waits, so one poll must do; a runtime would add its own cost to both arms.
        let send = move |request| service.call(request).now_or_never().and_then(Result::ok);
        Self { send: Box::new(send), next: Box::new(next) }
    }

    /// Nanoseconds per request, without the slowest twentieth of the batches: those that the
    /// operating system interrupted.
    pub(crate) fn time(&mut self, count: usize) -> Result<f64, Failure> {
        let mut batches = Vec::with_capacity(count.div_ceil(BATCH));
        let mut requests = Vec::with_capacity(BATCH);
        let mut outcome = Ok(());
        allocations::uncounted(|| {
            for start in (0..count).step_by(BATCH) {
                requests.extend((start..count.min(start + BATCH)).map(|_| (self.next)()));
                let size = requests.len();
                let began = Instant::now();
                let sent = self.send_all(requests.drain(..));
                batches.push(began.elapsed().as_nanos() as f64 / size as f64);
                outcome = std::mem::replace(&mut outcome, Ok(())).and(sent);
            }
        });
        outcome?;
        batches.sort_by(f64::total_cmp);
        batches.truncate((batches.len() * 19).div_ceil(20));
        Ok(batches.iter().sum::<f64>() / batches.len() as f64)
    }

    /// Allocations per request.
    pub(crate) fn allocations(&mut self, count: usize) -> Result<Allocations, Failure> {
        let batch: Vec<Request> = (0..count).map(|_| (self.next)()).collect();
        let mut sent = Ok(());
        let counted = allocations::counted(|| sent = self.send_all(batch.into_iter()));
        sent?;
        Ok(counted.per(count))
    }

    /// Sends everything; the last failure is the answer.
    fn send_all(&mut self, batch: impl Iterator<Item = Request>) -> Result<(), Failure> {
        let mut failed = None;
        for request in batch {
            match (self.send)(request) {
                Some(response) if response.status().is_success() => {}
                other => failed = Some(other),
            }
        }
        match failed {
            None => Ok(()),
            Some(None) => Err("a request had to wait, which nothing in memory should".into()),
            Some(Some(response)) => Err(format!("a request was answered with {}", response.status()).into()),
        }
    }

    /// One request, for its response.
    pub(crate) fn ask(&mut self) -> Result<Response, Failure> {
        let request = (self.next)();
        let response = (self.send)(request).ok_or("a request had to wait, which nothing in memory should")?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(format!("a request was answered with {}", response.status()).into())
    }
}
