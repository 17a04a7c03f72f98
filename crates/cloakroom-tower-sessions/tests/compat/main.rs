//! Code written for `tower_sessions::Session` on sessions of Cloakroom.

#![allow(clippy::unwrap_used, reason = "the lint exempts test functions, but not their helpers")]

mod axum_login;
mod axum_messages;
#[path = "../shared/browser.rs"]
mod browser;
#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "../shared/deployment.rs"]
mod deployment;
mod lost_updates;
mod nodes;
#[path = "../../../cloakroom/tests/support/recording.rs"]
mod recording;
mod requests;
mod session_methods;
