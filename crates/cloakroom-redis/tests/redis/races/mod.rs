//! The twenty races, by the numbers that `docs/testing.md` gives them.
//!
//! Unless a test says otherwise, leases last longer than the test: a node that answers right does so
//! because of the guard that the test is about, not because it had to ask anyway.

mod fills;
mod listed;
mod lost_news;
mod many_writers;
mod server_changes;
mod time;
mod unknown_outcomes;
