//! The admin page over HTTP: in memory, over two nodes, and over each real store.

#![allow(clippy::unwrap_used, reason = "the lint exempts test functions, but not their helpers")]

mod application;
mod events;
mod faults;
mod forgery;
mod headers;
mod hostile_texts;
mod lists;
mod mounting;
#[path = "../../../cloakroom/tests/support/recording.rs"]
mod recording;
mod revocations;
mod stores;
