//! The example against a provider of the tests, with a client that obeys the rules for cookies.

#![allow(clippy::unwrap_used, reason = "the lint exempts test functions, but not their helpers")]

mod browser;
mod forgeries;
mod provider;
#[path = "../../../../crates/cloakroom/tests/support/recording.rs"]
mod recording;
mod sign_ins;
mod site;
