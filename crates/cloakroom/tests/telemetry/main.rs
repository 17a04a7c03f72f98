//! Statistics, metrics and spans.

#![allow(clippy::unwrap_used, reason = "the lint exempts test functions, but not their helpers")]

mod hits_and_misses;
#[path = "../support/log.rs"]
mod log;
mod metric_names;
mod metric_values;
mod recorder;
#[path = "../support/recording.rs"]
mod recording;
mod spans;
mod support;
#[path = "../model/visitor.rs"]
mod visitor;
