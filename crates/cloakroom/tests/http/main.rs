//! The requirements on sessions over HTTP. A test `rNN_…` belongs to requirement RNN of
//! SECURITY.md.
//!
//! Requirements that hold with and without a shared tier are tested with and without one.

#![allow(clippy::unwrap_used, reason = "the lint exempts test functions, but not their helpers")]

mod activity;
mod adoption;
mod advisories;
mod agreement;
mod cache_headers;
mod claims;
mod clocks;
mod codecs;
mod cookie_settings;
mod corpora;
#[allow(dead_code, reason = "several test crates share the corpora, and each uses only parts of them")]
#[path = "../corpus/mod.rs"]
mod corpus;
mod csrf;
mod csrf_tokens;
mod errors;
mod events;
#[path = "../support/figures.rs"]
mod figures;
mod flooding;
mod forged_secrets;
mod futures_are_send;
mod grpc;
mod hints;
mod hostile_bearers;
mod hostile_cookies;
mod identifiers;
mod in_progress;
mod interleavings;
mod invalid_tokens;
mod isolation;
mod keys;
mod lifetimes;
mod limits;
mod login;
mod logout;
mod logout_races;
mod logs;
mod nested_layers;
mod parallel_loads;
mod parallel_logins;
mod patterns;
mod peers;
mod plain_services;
mod principals;
mod questions;
mod renewal;
mod resurrection;
mod rollbacks;
mod rotation_faults;
mod sealing;
mod secret_scan;
mod secrets;
mod set_cookie;
mod settings;
mod several_cookies;
mod sockets;
mod step_up;
mod store_away;
mod support;
mod transports;
mod two_clocks;
mod undelivered;
