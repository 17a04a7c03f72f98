//! How things are measured.
//!
//! The question is a difference: how much more does a request cost than the same request to bare
//! axum? Criterion and divan time one function after the other, so a machine that slows down in
//! between looks like a cost. Here both sides alternate, each run gives one difference and one
//! ratio, and the report shows their median, minimum and maximum. `tango-bench` does the same for
//! two builds of one function on one thread; this compares two services on several threads, with
//! fresh sessions where a run uses them up.
//!
//! [`InProcessClient`] creates requests in small batches outside the timed code, and times
//! `Service::call`, the one poll to completion and the drop of the response. It leaves out the
//! slowest twentieth of the batches, because an interruption of the process is not a cost of a
//! request; the `waits` part measures worst cases.

mod allocations;
mod concurrent;
mod in_process;
mod latency;
mod processor;
mod spread;

pub(crate) use allocations::{Allocations, Footprint, footprint};
pub(crate) use concurrent::{sources, time_concurrent};
pub(crate) use in_process::{Comparison, InProcessClient, Side, WARM_UP, compare, time_together};
pub(crate) use latency::Latencies;
pub(crate) use processor::processor_time;
pub(crate) use spread::Spread;

use tokio::runtime::{Builder, Runtime};

use crate::Result;

/// Runs `work` inside a runtime that nothing drives, so that background tasks stay out of the
/// measurement.
pub(crate) fn with_idle_runtime<T>(work: impl FnOnce(&Runtime) -> Result<T>) -> Result<T> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let _entered = runtime.enter();
    work(&runtime)
}
