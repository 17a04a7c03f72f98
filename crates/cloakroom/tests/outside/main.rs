//! Sessions outside of a request: opened by id, listed, counted, and watched.

#![allow(clippy::unwrap_used, reason = "the lint exempts test functions, but not their helpers")]

mod by_id;
mod costs;
mod devices;
mod ends;
mod faults;
mod limits;
mod model;
#[path = "../support/recording.rs"]
mod recording;
mod support;
mod versions;
#[path = "../model/visitor.rs"]
mod visitor;
