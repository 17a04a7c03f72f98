//! The twenty races, by the numbers in `docs/testing.md`.
//!
//! Unless a test says otherwise, leases last longer than the test: a correct answer is the result
//! of the guard under test, not of an expired lease.

mod fills;
mod listed;
mod lost_invalidations;
mod many_writers;
mod server_changes;
mod time;
mod unknown_outcomes;
