//! Values read back as they were written, and unusable cached values are loaded again.

#![allow(clippy::unwrap_used, reason = "the lint exempts test functions, but not their helpers")]

mod cached;
mod declared;
mod loads;
#[path = "../support/log.rs"]
mod log;
mod releases;
mod round_trips;
mod support;
mod verbs;
#[path = "../model/visitor.rs"]
mod visitor;
