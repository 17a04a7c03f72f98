//! Sessions of another library go on under tokens of Cloakroom.

#![allow(clippy::unwrap_used, reason = "the lint exempts test functions, but not their helpers")]

mod axum_session;
#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "../shared/browser.rs"]
mod browser;
mod cookies;
#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "../shared/deployment.rs"]
mod deployment;
mod failures;
mod moves;
mod nodes;
mod old_store;
mod parallel;
#[path = "../../../cloakroom/tests/support/recording.rs"]
mod recording;
mod shop;
