//! How things are measured.
//!
//! A runner of our own, because the question is a difference: what does a request cost *more* than
//! the same request through bare axum? Criterion and divan time one function after the other, so a
//! machine that slows down between two functions looks like a cost. Here both arms alternate, run
//! by run, and each run gives one difference and one ratio; what is reported is their median, the
//! smallest and the largest. That is what `tango-bench` does too, but it compares two builds of one
//! function on one thread, and this must compare two services on several threads, with a fresh
//! population where a run uses one up.
//!
//! Requests are made in small batches outside the timed stretch. What is timed is `Service::wake`,
//! the one poll to completion, and dropping the response. The slowest twentieth of the batches is left
//! out, because what interrupts a process for milliseconds is not a cost of a request; `expiry`
//! is where worst cases are measured.

mod allocations;
mod compare;
mod crowded;
mod idle;
mod latency;
mod memory;
mod spread;
mod subject;

pub(crate) use allocations::Allocations;
pub(crate) use compare::{Comparison, Side, WARM_UP, compare, time_together};
pub(crate) use crowded::{shares, time_crowded};
pub(crate) use idle::with_idle_runtime;
pub(crate) use latency::Latencies;
pub(crate) use memory::{Footprint, footprint};
pub(crate) use spread::Spread;
pub(crate) use subject::Subject;
