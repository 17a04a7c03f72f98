//! What becomes of values: what is written comes back, what cannot be used is loaded again, and nothing is made up.

#![allow(clippy::unwrap_used, reason = "the lint's exception covers test functions, not what they share")]

mod cached;
mod loads;
#[allow(dead_code, reason = "another test binary uses more of it")]
#[path = "../http/support/log.rs"]
mod log;
mod releases;
mod round_trips;
mod support;
mod verbs;
#[path = "../model/visitor.rs"]
mod visitor;
